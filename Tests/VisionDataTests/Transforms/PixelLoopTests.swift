import CounterRandom
import Geometry
import Testing
import VisionData

/// The loops over pixels beside slow twins, on random pictures of all sizes.
@Suite("Loops over pixels", .timeLimit(.minutes(5)))
struct PixelLoopTests {
  private func picture(_ stream: inout RandomStream, width: Int, height: Int) -> RGBImage {
    RGBImage(
      width: width, height: height,
      pixels: (0..<width * height * 3).map { _ in UInt8(stream.below(256)) })
  }

  private func part(_ image: RGBImage, _ box: PixelBox) -> RGBImage {
    var pixels: [UInt8] = []
    for y in box.top..<box.top + box.height {
      let start = (y * image.width + box.left) * 3
      pixels += image.pixels[start..<start + box.width * 3]
    }
    return RGBImage(width: box.width, height: box.height, pixels: pixels)
  }

  private func box(_ stream: inout RandomStream, width: Int, height: Int) -> PixelBox {
    let (left, top) = (stream.below(width), stream.below(height))
    return PixelBox(
      left: left, top: top, width: 1 + stream.below(width - left),
      height: 1 + stream.below(height - top))
  }

  @Test("A window of a resized box is that part of all of it", arguments: ResamplingFilter.allCases)
  func windows(filter: ResamplingFilter) {
    var stream = RandomStream(seed: 5, purpose: .test, epoch: 0, sample: 0)
    for _ in 0..<150 {
      let (width, height) = (1 + stream.below(70), 1 + stream.below(70))
      let image = picture(&stream, width: width, height: height)
      let source = box(&stream, width: width, height: height)
      // Sometimes one side stays as it is.
      let newWidth = stream.below(4) == 0 ? source.width : 1 + stream.below(90)
      let newHeight = stream.below(4) == 0 ? source.height : 1 + stream.below(90)
      let window = box(&stream, width: newWidth, height: newHeight)
      let whole = image.resized(
        width: newWidth, height: newHeight, filter: filter, box: source)
      let some = image.resized(
        width: newWidth, height: newHeight, filter: filter, box: source, window: window)
      #expect(some == part(whole, window))
      #expect(
        whole
          == part(image, source).resized(width: newWidth, height: newHeight, filter: filter))
    }
  }

  @Test("The test view is the centre of the resized image, also where that is smaller")
  func evaluation() {
    var stream = RandomStream(seed: 6, purpose: .test, epoch: 0, sample: 0)
    for trial in 0..<60 {
      let image = picture(&stream, width: 1 + stream.below(80), height: 1 + stream.below(80))
      let size = trial % 5 == 0 ? min(image.width, image.height) : 1 + stream.below(60)
      let cropSize = 1 + stream.below(70)
      for filter in ResamplingFilter.allCases {
        let view = EvaluationTransform(resizeSize: size, cropSize: cropSize, filter: filter)
        #expect(
          view(image, stream: &stream)
            == image.resized(shorterSide: size, filter: filter).centerCropped(cropSize))
      }
    }
  }

  @Test("A mirrored image has its columns in reverse order")
  func mirror() {
    var stream = RandomStream(seed: 7, purpose: .test, epoch: 0, sample: 0)
    for width in 1...40 {
      let image = picture(&stream, width: width, height: 3)
      let mirrored = image.flippedHorizontally()
      for y in 0..<3 {
        for x in 0..<width {
          #expect(
            part(mirrored, PixelBox(left: x, top: y, width: 1, height: 1))
              == part(image, PixelBox(left: width - 1 - x, top: y, width: 1, height: 1)))
        }
      }
    }
  }

  @Test("Hues turn as one pixel at a time does", arguments: [-0.5, -0.3, -0.07, 0, 0.02, 0.1, 0.5])
  func hues(fraction: Double) {
    var stream = RandomStream(seed: 8, purpose: .test, epoch: 0, sample: 0)
    var image = picture(&stream, width: 311, height: 97)
    // Grays and colours of equal channels are where sectors meet.
    for at in stride(from: 0, to: image.pixels.count, by: 9) {
      image.pixels[at + 1] = image.pixels[at]
      if at % 27 == 0 { image.pixels[at + 2] = image.pixels[at] }
    }
    let shift = UInt8(truncatingIfNeeded: Int(fraction * 255))
    var expected = image
    for at in stride(from: 0, to: image.pixels.count, by: 3) {
      let (hue, saturation, value) = Self.hsv(
        image.pixels[at], image.pixels[at + 1], image.pixels[at + 2])
      let turned = Self.rgb(hue &+ shift, saturation, value)
      (expected.pixels[at], expected.pixels[at + 1], expected.pixels[at + 2]) = turned
    }
    #expect(image.hueShifted(by: fraction) == expected)
  }

  private static func hsv(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> (UInt8, UInt8, UInt8) {
    let top = max(red, green, blue)
    let bottom = min(red, green, blue)
    guard top != bottom else { return (0, 0, top) }
    let range = Float(top - bottom)
    let r = Float(top - red) / range
    let g = Float(top - green) / range
    let b = Float(top - blue) / range
    let sector =
      red == top
      ? b - g
      : Float(green == top ? 2.0 + Double(r) - Double(b) : 4.0 + Double(g) - Double(r))
    let turn = Double(sector) / 6 + 1
    let hue = Float(turn >= 1 ? turn - 1 : turn)
    return (UInt8(Double(hue) * 255), UInt8(Double(range / Float(top)) * 255), top)
  }

  private static func rgb(
    _ hue: UInt8, _ saturation: UInt8, _ value: UInt8
  ) -> (UInt8, UInt8, UInt8) {
    guard saturation != 0 else { return (value, value, value) }
    let turn = Double(hue) * 6 / 255
    let sector = Int(turn)
    let s = Float(Double(saturation) / 255)
    let f = Float(turn - Double(sector))
    let full = Double(value)
    let p = UInt8((full * (1 - Double(s))).rounded())
    let q = UInt8((full * (1 - Double(s * f))).rounded())
    let t = UInt8((full * (1 - Double(s) * (1 - Double(f)))).rounded())
    switch sector {
    case 0, 6: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }
}
