/// Channel means and deviations on the scale of 0...255, with the roundings of OpenCV.
///
/// The difference is rounded to single precision, the product with the reciprocal deviation once
/// more; the result can differ in the last place from the same normalisation on 0...1.
///
/// Source: mmcv, `imnormalize`.
public struct ByteNormalization: Sendable, Equatable {
  /// Means of red, green and blue.
  public var mean: [Double]
  /// Deviations of red, green and blue.
  public var deviation: [Double]

  /// Sets the numbers.
  ///
  /// - Precondition: three of each.
  public init(mean: [Double], deviation: [Double]) {
    precondition(mean.count == 3 && deviation.count == 3, "three means and three deviations")
    self.mean = mean
    self.deviation = deviation
  }

  /// ImageNet's.
  public static let imageNet = ByteNormalization(
    mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375])

  /// The number of each byte of a channel.
  public func table(channel: Int) -> [Float] {
    let factor = 1 / deviation[channel]
    return (0..<256).map { value in
      let centred = Float(value) - Float(mean[channel])
      return Float(Double(centred) * factor)
    }
  }

  /// Writes an image as three planes, `[3, H, W]`, with zeros on the right and below.
  ///
  /// - Parameters:
  ///   - size: Columns and rows of a plane; nil for those of the image.
  ///   - out: Room for `3 · H · W` numbers.
  /// - Precondition: the image is not larger than `size`.
  public func write(
    _ image: RGBImage, paddedTo size: (width: Int, height: Int)? = nil,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    let size = size ?? (image.width, image.height)
    precondition(
      image.width <= size.width && image.height <= size.height,
      "\(image.width)x\(image.height) does not fit into \(size.width)x\(size.height)")
    for channel in 0..<3 {
      image.pixels.withUnsafeBufferPointer { pixels in
        table(channel: channel).withUnsafeBufferPointer { table in
          for row in 0..<size.height {
            let start = (channel * size.height + row) * size.width
            let columns = row < image.height ? image.width : 0
            var at = row * image.width * 3 + channel
            for column in 0..<columns {
              out[start + column] = table[Int(pixels[at])]
              at &+= 3
            }
            for column in columns..<size.width { out[start + column] = 0 }
          }
        }
      }
    }
  }

  /// The numbers in one line.
  public var summary: String { "mean \(mean), deviation \(deviation)" }
}
