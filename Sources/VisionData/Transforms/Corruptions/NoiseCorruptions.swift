import CounterRandom
import Foundation

// Noise of every value by itself, drawn in the order of the bytes.

extension RGBImage {
  /// Adds normal noise.
  func withGaussianNoise(_ deviation: Double, _ stream: inout RandomStream) -> RGBImage {
    mappedReals { $0 + deviation * stream.normal() }
  }

  /// Replaces every value by a Poisson number of that mean, counted in so many quanta.
  func withShotNoise(quanta: Double, _ stream: inout RandomStream) -> RGBImage {
    mappedReals { Double(stream.poisson(mean: $0 * quanta)) / quanta }
  }

  /// Turns a part of the values to black or white.
  func withImpulseNoise(_ part: Double, _ stream: inout RandomStream) -> RGBImage {
    // Which values are hit is drawn before what becomes of them.
    let isHit = pixels.map { _ in stream.uniformDouble() <= part }
    var result = self
    for at in result.pixels.indices {
      let isWhite = stream.uniformDouble() <= 0.5
      if isHit[at] { result.pixels[at] = isWhite ? 255 : 0 }
    }
    return result
  }

  /// Adds normal noise in proportion to the value.
  func withSpeckleNoise(_ deviation: Double, _ stream: inout RandomStream) -> RGBImage {
    mappedReals { $0 + $0 * (deviation * stream.normal()) }
  }
}

extension RandomStream {
  /// A Poisson number: the least count whose summed probability passes one uniform number.
  ///
  /// - Precondition: `mean` is in 0...700, where its exponential is a number above 0.
  mutating func poisson(mean: Double) -> Int {
    precondition((0...700).contains(mean), "poisson needs a mean in 0...700, got \(mean)")
    let place = uniformDouble()
    var probability = exp(-mean)
    var (sum, count) = (probability, 0)
    while place >= sum, Double(count) < mean || sum + probability > sum {
      count += 1
      probability = probability * mean / Double(count)
      sum += probability
    }
    return count
  }
}
