import Foundation

/// How fast work goes, and how long what is left will take.
///
/// The rate is a moving average over about half a minute, so that it follows a slower stretch; one
/// long pause (a suspended machine, a slow first batch) counts for at most half of it.
struct ProgressEstimate {
  /// Seconds over which old observations fade.
  static let memory = 30.0

  private var lastTime: Double
  private var pending = 0
  private var weightedRate = 0.0
  private var weight = 0.0

  /// Starts the clock.
  init(at time: Double) { lastTime = time }

  /// Units a second; nil before anything is done.
  var rate: Double? { weight > 0 && weightedRate > 0 ? weightedRate / weight : nil }

  /// Takes note of finished units.
  mutating func advance(by count: Int, at time: Double) {
    pending += count
    let elapsed = time - lastTime
    // Very short stretches say more about the clock than about the work.
    guard elapsed >= 0.25, pending > 0 else { return }
    let share = min(0.5, 1 - exp(-elapsed / Self.memory))
    weightedRate = weightedRate * (1 - share) + share * Double(pending) / elapsed
    weight = weight * (1 - share) + share
    pending = 0
    lastTime = time
  }

  /// Seconds for some more units, at the present rate.
  func seconds(for count: Int) -> Double? { rate.map { Double(max(0, count)) / $0 } }
}
