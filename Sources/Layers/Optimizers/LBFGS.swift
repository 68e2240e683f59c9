/// Minimises a smooth function by limited-memory BFGS with a line search to the strong Wolfe conditions.
///
/// Directions come from the last `memory` pairs of steps and changes of the gradient (two loops, scaled
/// by sᵀy / yᵀy). A step α along d is taken where
///
///     f(x + αd) ≤ f(x) + c₁ α gᵀd   and   |g(x + αd)ᵀd| ≤ c₂ |gᵀd|,   c₁ = 1e-4, c₂ = 0.9
///
/// Everything is in double precision and has a fixed order.
///
/// Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4, 7.5, 3.5 and 3.6.
public struct LBFGS: Sendable {
  /// Pairs that are remembered.
  public var memory = 10
  /// Iterations at most.
  public var iterationLimit = 1000
  /// The largest part of the gradient at which it is done.
  public var gradientTolerance = 1e-6
  /// The relative decrease of the function below which a step is the last.
  public var decreaseTolerance = 1e-14

  /// The usual settings.
  public init() {}

  /// Why it stopped.
  public enum Ending: Sendable, Equatable {
    /// The gradient is as small as asked.
    case flat
    /// The function ceased to fall, as far as its numbers tell.
    case still
    /// So many iterations were not enough.
    case limit
  }

  /// Where it ended.
  public struct Minimum: Sendable {
    /// The place, the value, and the largest part of the gradient there.
    public let x: [Double], value: Double, gradient: Double
    /// Iterations, and evaluations of the function.
    public let iterations: Int, evaluations: Int
    /// Why it stopped.
    public let ending: Ending
  }

  /// A function's value and its gradient at a place.
  public typealias Objective = (_ x: [Double]) throws -> (value: Double, gradient: [Double])

  /// A place along a direction.
  private struct Trial {
    var step: Double, value: Double, slope: Double
    var x: [Double], gradient: [Double]
  }

  /// Minimises a function.
  ///
  /// - Parameter start: Where it begins.
  /// - Throws: What the function throws.
  public func minimum(from start: [Double], of objective: Objective) throws -> Minimum {
    var evaluations = 1
    let first = try objective(start)
    var (x, value, gradient) = (start, first.value, first.gradient)
    var pairs: [(s: [Double], y: [Double], curvature: Double)] = []
    func end(_ iterations: Int, _ ending: Ending) -> Minimum {
      Minimum(
        x: x, value: value, gradient: largest(gradient), iterations: iterations,
        evaluations: evaluations, ending: ending)
    }
    for iteration in 0..<iterationLimit {
      if largest(gradient) <= gradientTolerance { return end(iteration, .flat) }
      var direction = descent(gradient, pairs)
      if dot(direction, gradient) >= 0 {
        pairs = []
        direction = gradient.map { -$0 }
      }
      let first = pairs.isEmpty ? min(1, 1 / gradient.reduce(0) { $0 + abs($1) }) : 1
      var found = try search(
        x, value, gradient, direction, first: first, &evaluations, objective)
      if found == nil, !pairs.isEmpty {
        // What is remembered may not fit here any more: once more straight down.
        pairs = []
        found = try search(
          x, value, gradient, gradient.map { -$0 },
          first: min(1, 1 / gradient.reduce(0) { $0 + abs($1) }), &evaluations, objective)
      }
      guard let next = found else { return end(iteration, .still) }
      let s = zip(next.x, x).map { $0 - $1 }
      let y = zip(next.gradient, gradient).map { $0 - $1 }
      let curvature = dot(s, y)
      if curvature > 0 {
        pairs.append((s, y, curvature))
        if pairs.count > memory { pairs.removeFirst() }
      }
      let decrease = value - next.value
      (x, value, gradient) = (next.x, next.value, next.gradient)
      if decrease <= decreaseTolerance * abs(value) {
        return end(iteration + 1, largest(gradient) <= gradientTolerance ? .flat : .still)
      }
    }
    return end(iterationLimit, largest(gradient) <= gradientTolerance ? .flat : .limit)
  }

  /// −H g by the two loops.
  private func descent(
    _ gradient: [Double], _ pairs: [(s: [Double], y: [Double], curvature: Double)]
  ) -> [Double] {
    var q = gradient
    var shares: [Double] = []
    for pair in pairs.reversed() {
      let share = dot(pair.s, q) / pair.curvature
      shares.append(share)
      add(-share, pair.y, to: &q)
    }
    if let last = pairs.last {
      let scale = last.curvature / dot(last.y, last.y)
      for at in q.indices { q[at] *= scale }
    }
    for (pair, share) in zip(pairs, shares.reversed()) {
      add(share - dot(pair.y, q) / pair.curvature, pair.s, to: &q)
    }
    return q.map { -$0 }
  }

  // MARK: Line search

  private static let sufficient = 1e-4, curvature = 0.9

  /// A step that fulfils both conditions, or the best one that falls at all; nil without any.
  private func search(
    _ x: [Double], _ value: Double, _ gradient: [Double], _ direction: [Double], first: Double,
    _ evaluations: inout Int, _ objective: Objective
  ) throws -> Trial? {
    let slope = dot(gradient, direction)
    guard slope < 0, slope.isFinite else { return nil }
    func trial(_ step: Double) throws -> Trial {
      evaluations += 1
      var place = x
      add(step, direction, to: &place)
      let found = try objective(place)
      return Trial(
        step: step, value: found.value, slope: dot(found.gradient, direction), x: place,
        gradient: found.gradient)
    }
    func isTooHigh(_ trial: Trial) -> Bool {
      !(trial.value <= value + Self.sufficient * trial.step * slope)
    }
    func isFlat(_ trial: Trial) -> Bool { abs(trial.slope) <= -Self.curvature * slope }
    var low = Trial(step: 0, value: value, slope: slope, x: x, gradient: gradient)
    var high: Trial?
    var step = first
    for number in 0..<25 {
      let next = try trial(step)
      if isTooHigh(next) || (number > 0 && next.value >= low.value) {
        high = next
        break
      }
      if isFlat(next) { return next }
      if next.slope >= 0 {
        (high, low) = (low, next)
        break
      }
      low = next
      step *= 2
    }
    guard var other = high else { return low.step > 0 ? low : nil }
    for _ in 0..<40 {
      guard abs(other.step - low.step) > 1e-16 * max(1, abs(low.step)) else { break }
      let next = try trial(Self.between(low, other))
      if isTooHigh(next) || next.value >= low.value {
        other = next
      } else {
        if isFlat(next) { return next }
        if next.slope * (other.step - low.step) >= 0 { other = low }
        low = next
      }
    }
    return low.step > 0 && low.value < value ? low : nil
  }

  /// The minimum of the cubic through two trials, or their middle where that is near an end.
  private static func between(_ a: Trial, _ b: Trial) -> Double {
    let middle = (a.step + b.step) / 2
    guard b.value.isFinite, b.slope.isFinite else { return middle }
    let width = b.step - a.step
    let d = a.slope + b.slope - 3 * (b.value - a.value) / width
    let square = d * d - a.slope * b.slope
    guard square >= 0 else { return middle }
    let root = square.squareRoot() * (width < 0 ? -1 : 1)
    let cubic = b.step - width * (b.slope + root - d) / (b.slope - a.slope + 2 * root)
    let (least, most) = (min(a.step, b.step), max(a.step, b.step))
    let rim = 0.1 * (most - least)
    return cubic.isFinite && cubic > least + rim && cubic < most - rim ? cubic : middle
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for at in a.indices { sum += a[at] * b[at] }
  return sum
}

private func add(_ factor: Double, _ b: [Double], to a: inout [Double]) {
  for at in a.indices { a[at] += factor * b[at] }
}

private func largest(_ values: [Double]) -> Double { values.reduce(0) { max($0, abs($1)) } }
