import CounterRandom
import Foundation

extension RGBImage {
  /// What a snowfall looks like.
  struct Snow {
    /// Of the noise that becomes flakes.
    let mean: Double, deviation: Double
    /// How much the flakes are enlarged, and the least value that is one.
    let zoom: Double, threshold: Double
    /// Of their motion.
    let radius: Int, motion: Double
    /// How much of the image is left as it is; the rest grows pale.
    let kept: Double
  }

  /// Pales the image and lets flakes fall before it, from both sides.
  func withSnow(_ snow: Snow, _ stream: inout RandomStream) -> RGBImage {
    var layer = RealPlane(width: width, height: height) {
      snow.mean + snow.deviation * stream.normal()
    }.zoomed(by: snow.zoom)
    for (at, value) in layer.values.enumerated() {
      layer.values[at] = Double(value < snow.threshold ? 0 : Self.level(value)) / 255
    }
    let flakes = layer.movedBy(
      radius: snow.radius, deviation: snow.motion, degrees: stream.uniform(-135, -45)
    ).values.map { max(0, min(255, ($0 * 255 + 0.5).rounded(.down))) / 255 }
    var result = self
    let kept = Float(snow.kept), changed = Float(1 - snow.kept)
    for at in flakes.indices {
      let (r, g, b) = (
        Float(pixels[3 * at]) / 255, Float(pixels[3 * at + 1]) / 255,
        Float(pixels[3 * at + 2]) / 255
      )
      let gray = r * 0.299 + g * 0.587 + b * 0.114
      for (channel, value) in [r, g, b].enumerated() {
        let pale = kept * value + changed * max(value, gray * 1.5 + 0.5)
        result.pixels[3 * at + channel] = Self.level(
          Double(pale) + flakes[at] + flakes[flakes.count - 1 - at])
      }
    }
    return result
  }

  /// Lays a part of a picture of ice over the image.
  ///
  /// - Parameter share: How much of the image shows, and of the ice.
  func withFrost(
    _ pictures: FrostPictures, image: Double, ice: Double, _ stream: inout RandomStream
  ) -> RGBImage {
    let picture = pictures.images[stream.below(pictures.images.count)]
    let top = stream.below(picture.height - height)
    let left = stream.below(picture.width - width)
    var result = self
    for y in 0..<height {
      for x in 0..<width * 3 {
        let frozen = picture.pixels[((top + y) * picture.width + left) * 3 + x]
        result.pixels[y * width * 3 + x] = UInt8(
          max(0, min(255, image * Double(pixels[y * width * 3 + x]) + ice * Double(frozen))))
      }
    }
    return result
  }

  /// Adds clouds by rule and chance.
  ///
  /// - Parameters:
  ///   - amount: How bright the clouds are.
  ///   - decay: By what smaller ones are fainter.
  func withFog(amount: Double, decay: Double, _ stream: inout RandomStream) -> RGBImage {
    var side = 4
    while side < max(width, height) { side *= 2 }
    let clouds = Self.clouds(side: side, decay: decay, &stream)
    let brightest = Double(pixels.max() ?? 0) / 255
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let cloud = amount * clouds[y * side + x]
        for at in (y * width + x) * 3..<(y * width + x) * 3 + 3 {
          let value = Double(pixels[at]) / 255 + cloud
          result.pixels[at] = Self.level(value * brightest / (brightest + amount))
        }
      }
    }
    return result
  }

  /// A height map that fits to itself at its edges, in 0...1.
  ///
  /// Every round halves the distance of the points that are known: first the middles of squares are
  /// the mean of their corners and a draw, then those of diamonds.
  ///
  /// - Parameter side: A power of two.
  ///
  /// Source: Fournier et al., Computer Rendering of Stochastic Models, 1982 (diamond-square).
  private static func clouds(
    side: Int, decay: Double, _ stream: inout RandomStream
  ) -> [Double] {
    var map = [Double](repeating: 0, count: side * side)
    var (step, swing) = (side, 100.0)
    func at(_ y: Int, _ x: Int) -> Int { (y + side) % side * side + (x + side) % side }
    func varied(_ sum: Double, _ stream: inout RandomStream) -> Double {
      sum / 4 + swing * stream.uniform(-swing, swing)
    }
    while step >= 2 {
      let half = step / 2
      for y in stride(from: 0, to: side, by: step) {
        for x in stride(from: 0, to: side, by: step) {
          let left = map[at(y, x)] + map[at(y + step, x)]
          let right = map[at(y, x + step)] + map[at(y + step, x + step)]
          map[at(y + half, x + half)] = varied(left + right, &stream)
        }
      }
      for y in stride(from: 0, to: side, by: step) {
        for x in stride(from: half, to: side, by: step) {
          let vertical = map[at(y + half, x)] + map[at(y - half, x)]
          let horizontal = map[at(y, x - half)] + map[at(y, x + half)]
          map[at(y, x)] = varied(vertical + horizontal, &stream)
        }
      }
      for y in stride(from: half, to: side, by: step) {
        for x in stride(from: 0, to: side, by: step) {
          let horizontal = map[at(y, x + half)] + map[at(y, x - half)]
          let vertical = map[at(y - half, x)] + map[at(y + half, x)]
          map[at(y, x)] = varied(horizontal + vertical, &stream)
        }
      }
      step = half
      swing /= decay
    }
    let low = map.min() ?? 0
    let range = (map.max() ?? 0) - low
    return map.map { range > 0 ? ($0 - low) / range : 0 }
  }
}
