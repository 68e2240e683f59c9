import CounterRandom
import Foundation
import Threads

/// Points of many dimensions in a plane, near ones near: exact t-SNE.
///
///     pⱼ|ᵢ ∝ exp(−|xᵢ − xⱼ|² βᵢ), βᵢ so that their perplexity is the one asked for;
///     p = (pⱼ|ᵢ + pᵢ|ⱼ) / 2n;   q ∝ 1 / (1 + |yᵢ − yⱼ|²);   minimise Σ p log(p / q)
///
/// by gradient descent with momentum and a gain for each number, the p twelve times as large for the
/// first 250 steps. What van der Maaten's and scikit-learn's codes do, without their approximations.
///
/// Source: van der Maaten and Hinton, Visualizing Data using t-SNE, 2008.
public struct TSNE: Sendable {
  /// The positions, two numbers a point.
  public let positions: [Double]
  /// What they leave of the divergence, in nats.
  public let divergence: Double

  /// Points at most: time and memory grow with their square.
  public static let largestCount = 2000

  /// Places points.
  ///
  /// - Parameters:
  ///   - points: `[count, width]`, row by row.
  ///   - perplexity: About how many neighbours each has; at most a third of the others is taken.
  ///   - check: Called before every step; an error ends the work.
  /// - Precondition: `4 ≤ count ≤ largestCount` and there are `count · width` numbers.
  public init(
    _ points: [Double], count: Int, perplexity: Double = 30, stepCount: Int = 1000, seed: UInt64,
    checking check: () throws -> Void = {}
  ) rethrows {
    precondition((4...Self.largestCount).contains(count), "t-SNE of \(count) points")
    precondition(points.count % count == 0, "\(points.count) numbers of \(count) points")
    let p = Self.similarities(
      points, count: count, perplexity: min(perplexity, Double(count - 1) / 3))
    var stream = RandomStream(seed: seed, purpose: .initialization, sample: 0x75E)
    var y = (0..<2 * count).map { _ in stream.normal() * 1e-4 }
    var (velocity, gains) = (
      [Double](repeating: 0, count: 2 * count), [Double](repeating: 1, count: 2 * count)
    )
    let exaggeration = 12.0
    let rate = max(Double(count) / exaggeration / 4, 50)
    var divergence = 0.0
    for step in 0..<stepCount {
      try check()
      let isEarly = step < 250
      if step == 250 {
        // Two descents, one from where the other ended: what was gathered belongs to the first.
        for at in y.indices { (velocity[at], gains[at]) = (0, 1) }
      }
      let slopes = Self.slopes(p, y, count, scale: isEarly ? exaggeration : 1)
      let momentum = isEarly ? 0.5 : 0.8
      for at in y.indices {
        let slope = slopes.gradient[at]
        gains[at] = max(0.01, velocity[at] * slope < 0 ? gains[at] + 0.2 : gains[at] * 0.8)
        velocity[at] = momentum * velocity[at] - rate * gains[at] * slope
        y[at] += velocity[at]
      }
      for axis in 0..<2 {
        let mean = stride(from: axis, to: y.count, by: 2).reduce(0) { $0 + y[$1] } / Double(count)
        for at in stride(from: axis, to: y.count, by: 2) { y[at] -= mean }
      }
    }
    divergence = Self.slopes(p, y, count, scale: 1).divergence
    positions = y
    self.divergence = divergence
  }

  /// The symmetric p of all pairs, `[count, count]`; the diagonal is 0 and they sum to 1.
  static func similarities(_ points: [Double], count: Int, perplexity: Double) -> [Double] {
    let width = points.count / count
    let rows = threadMap(count) { i -> [Double] in
      var distances = [Double](repeating: 0, count: count)
      for j in 0..<count where j != i {
        var sum = 0.0
        for column in 0..<width {
          let gap = points[i * width + column] - points[j * width + column]
          sum += gap * gap
        }
        distances[j] = sum
      }
      return conditional(distances, except: i, entropy: log(perplexity))
    }
    var p = [Double](repeating: 0, count: count * count)
    for i in 0..<count {
      for j in 0..<count where j != i {
        p[i * count + j] = max((rows[i][j] + rows[j][i]) / Double(2 * count), 1e-300)
      }
    }
    return p
  }

  /// exp(−distance · β) normalised, β by bisection so that the entropy is the one asked for.
  private static func conditional(
    _ distances: [Double], except own: Int, entropy target: Double
  ) -> [Double] {
    var least = Double.infinity
    for j in distances.indices where j != own { least = min(least, distances[j]) }
    var (beta, low, high) = (1.0, -Double.infinity, Double.infinity)
    var shares = distances
    for _ in 0..<200 {
      var (sum, weighted) = (0.0, 0.0)
      for j in distances.indices {
        // Distances from the nearest: the same shares, and no sum of zeros.
        let share = j == own ? 0 : exp(-(distances[j] - least) * beta)
        shares[j] = share
        sum += share
        weighted += share * (distances[j] - least)
      }
      let entropy = log(sum) + beta * weighted / sum
      for j in shares.indices { shares[j] /= sum }
      let gap = entropy - target
      if abs(gap) < 1e-10 { break }
      if gap > 0 {
        low = beta
        beta = high.isInfinite ? beta * 2 : (beta + high) / 2
      } else {
        high = beta
        beta = low.isInfinite ? beta / 2 : (beta + low) / 2
      }
    }
    return shares
  }

  /// The gradient of the divergence, and the divergence of p as it is.
  private static func slopes(
    _ p: [Double], _ y: [Double], _ count: Int, scale: Double
  ) -> (gradient: [Double], divergence: Double) {
    let sums = threadMap(count) { i -> Double in
      var sum = 0.0
      for j in 0..<count where j != i {
        let (dx, dy) = (y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1])
        sum += 1 / (1 + dx * dx + dy * dy)
      }
      return sum
    }
    let total = sums.reduce(0, +)
    let parts = threadMap(count) { i -> (Double, Double, Double) in
      var (x, z, divergence) = (0.0, 0.0, 0.0)
      for j in 0..<count where j != i {
        let (dx, dy) = (y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1])
        let near = 1 / (1 + dx * dx + dy * dy)
        let own = p[i * count + j]
        let pull = 4 * (scale * own - near / total) * near
        x += pull * dx
        z += pull * dy
        if scale == 1 { divergence += own * log(own * total / near) }
      }
      return (x, z, divergence)
    }
    return (parts.flatMap { [$0.0, $0.1] }, parts.reduce(0) { $0 + $1.2 })
  }
}
