import CounterRandom

/// A way to spoil an image, in five strengths.
///
/// The first fifteen make ImageNet-C; the last four are its authors' extra ones, meant for choosing what
/// the fifteen then judge. The numbers are the published ones for images of 224 pixels. Images of other
/// sizes get the same pixels' worth.
///
/// Source: Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
/// Perturbations, 2019, and the code that made its images.
public enum Corruption: String, CaseIterable, Sendable {
  case gaussianNoise = "gaussian_noise"
  case shotNoise = "shot_noise"
  case impulseNoise = "impulse_noise"
  case defocusBlur = "defocus_blur"
  case glassBlur = "glass_blur"
  case motionBlur = "motion_blur"
  case zoomBlur = "zoom_blur"
  case snow, frost, fog, brightness, contrast
  case elasticTransform = "elastic_transform"
  case pixelate
  case jpegCompression = "jpeg_compression"
  case speckleNoise = "speckle_noise"
  case gaussianBlur = "gaussian_blur"
  case spatter, saturate

  /// The fifteen of the benchmark.
  public static let benchmark = Array(allCases.prefix(15))
  /// The four extra ones.
  public static let extra = Array(allCases.dropFirst(15))
  /// The strengths.
  public static let severities = 1...5

  /// The draws for an image: the same wherever and in whatever order images are corrupted.
  ///
  /// - Parameters:
  ///   - severity: 1...5.
  ///   - image: The image's position in its set.
  public func stream(severity: Int, image: Int) -> RandomStream {
    let number = Self.allCases.firstIndex(of: self) ?? 0
    // The seed spells ImageNet.
    return RandomStream(
      seed: 0x496D_6167_654E_6574, purpose: .augmentation, epoch: number * 8 + severity,
      sample: image)
  }

  /// The corrupted image.
  ///
  /// - Parameters:
  ///   - severity: 1...5.
  ///   - frost: What `frost` lays over images.
  /// - Throws: `ImageError` when the JPEG encoder fails.
  /// - Precondition: the severity is one; there are pictures for `frost`, larger than the image.
  public func callAsFunction(
    _ image: RGBImage, severity: Int, frost: FrostPictures? = nil, stream: inout RandomStream
  ) throws(ImageError) -> RGBImage {
    precondition(Self.severities.contains(severity), "severity \(severity) is not in 1...5")
    func pick<Value>(_ values: Value...) -> Value { values[severity - 1] }
    switch self {
    case .gaussianNoise:
      return image.withGaussianNoise(pick(0.08, 0.12, 0.18, 0.26, 0.38), &stream)
    case .shotNoise: return image.withShotNoise(quanta: pick(60, 25, 12, 5, 3), &stream)
    case .impulseNoise: return image.withImpulseNoise(pick(0.03, 0.06, 0.09, 0.17, 0.27), &stream)
    case .speckleNoise: return image.withSpeckleNoise(pick(0.15, 0.2, 0.35, 0.45, 0.6), &stream)
    case .gaussianBlur: return image.withGaussianBlur(pick(1, 2, 3, 4, 6))
    case .defocusBlur:
      let (radius, softening) = pick((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
      return image.withDefocusBlur(radius: radius, softening: softening)
    case .glassBlur:
      let (deviation, reach, rounds) = pick(
        (0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
      return image.withGlassBlur(deviation: deviation, reach: reach, rounds: rounds, &stream)
    case .motionBlur:
      let (radius, deviation) = pick((10, 3.0), (15, 5), (15, 8), (15, 12), (20, 15))
      return image.withMotionBlur(
        radius: radius, deviation: deviation, degrees: stream.uniform(-45, 45))
    case .zoomBlur:
      let (last, step) = pick((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
      return image.withZoomBlur(to: last, by: step)
    case .snow: return image.withSnow(Self.snows[severity - 1], &stream)
    case .frost:
      guard let frost else { preconditionFailure("frost needs pictures of it") }
      let (shown, ice) = pick((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
      return image.withFrost(frost, image: shown, ice: ice, &stream)
    case .fog:
      let (amount, decay) = pick((1.5, 2.0), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
      return image.withFog(amount: amount, decay: decay, &stream)
    case .brightness: return image.withBrightness(pick(0.1, 0.2, 0.3, 0.4, 0.5))
    case .contrast: return image.withContrast(pick(0.4, 0.3, 0.2, 0.1, 0.05))
    case .saturate:
      let (factor, added) = pick((0.3, 0.0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
      return image.withSaturation(factor: factor, added: added)
    case .elasticTransform:
      return image.withElasticTransform(Self.elastics[severity - 1], &stream)
    case .pixelate: return image.withPixels(pick(0.6, 0.5, 0.4, 0.3, 0.25))
    case .jpegCompression: return try image.stored(quality: pick(25, 18, 15, 10, 7))
    case .spatter: return image.withSpatter(Self.spatters[severity - 1], &stream)
    }
  }

  private static let snows: [RGBImage.Snow] = [
    .init(
      mean: 0.1, deviation: 0.3, zoom: 3, threshold: 0.5, radius: 10, motion: 4, kept: 0.8),
    .init(
      mean: 0.2, deviation: 0.3, zoom: 2, threshold: 0.5, radius: 12, motion: 4, kept: 0.7),
    .init(
      mean: 0.55, deviation: 0.3, zoom: 4, threshold: 0.9, radius: 12, motion: 8, kept: 0.7),
    .init(
      mean: 0.55, deviation: 0.3, zoom: 4.5, threshold: 0.85, radius: 12, motion: 8, kept: 0.65),
    .init(
      mean: 0.55, deviation: 0.3, zoom: 2.5, threshold: 0.85, radius: 12, motion: 12, kept: 0.55),
  ]

  // 244, not 224, is the published number.
  private static let elastics: [RGBImage.Elastic] = [
    .init(amount: 488, smoothness: 244 * 0.7, jitter: 244 * 0.1),
    .init(amount: 488, smoothness: 244 * 0.08, jitter: 244 * 0.2),
    .init(amount: 244 * 0.05, smoothness: 244 * 0.01, jitter: 244 * 0.02),
    .init(amount: 244 * 0.07, smoothness: 244 * 0.01, jitter: 244 * 0.02),
    .init(amount: 244 * 0.12, smoothness: 244 * 0.01, jitter: 244 * 0.02),
  ]

  private static let spatters: [RGBImage.Spatter] = [
    .init(mean: 0.65, deviation: 0.3, blur: 4, threshold: 0.69, strength: 0.6, isMud: false),
    .init(mean: 0.65, deviation: 0.3, blur: 3, threshold: 0.68, strength: 0.6, isMud: false),
    .init(mean: 0.65, deviation: 0.3, blur: 2, threshold: 0.68, strength: 0.5, isMud: false),
    .init(mean: 0.65, deviation: 0.3, blur: 1, threshold: 0.65, strength: 1.5, isMud: true),
    .init(mean: 0.67, deviation: 0.4, blur: 1, threshold: 0.65, strength: 1.5, isMud: true),
  ]
}

extension RGBImage {
  /// What a JPEG file leaves of the image.
  ///
  /// - Throws: `ImageError` when the encoder fails.
  func stored(quality: Int) throws(ImageError) -> RGBImage {
    try ImageFile.decode(bytes: ImageFile.jpeg(self, quality: quality), name: "image")
  }
}
