import Foundation
import Synchronization

/// Shows how far long work is, on stderr: one rewritten line on a terminal, else a line at times.
public final class ProgressReporter: Sendable {
  private struct State {
    var done = 0
    var extra = ""
    var lastShown = 0.0
    var isOpen = false
  }

  private let label: String
  private let unit: String
  private let total: Int
  private let start: Double
  private let isTerminal: Bool
  private let isQuiet: Bool
  private let state = Mutex(State())
  private static let quiet = Atomic<Bool>(false)

  /// Turns all progress off.
  public static func silence() { quiet.store(true, ordering: .relaxed) }

  /// Starts a line.
  ///
  /// - Parameters:
  ///   - label: What is being done.
  ///   - total: How many units there are.
  ///   - unit: The unit's name in the plural, for the rate.
  public init(_ label: String, total: Int, unit: String) {
    self.label = label
    self.total = total
    self.unit = unit
    start = Self.now()
    isTerminal = isatty(STDERR_FILENO) == 1
    isQuiet = Self.quiet.load(ordering: .relaxed)
    show(force: true)
  }

  private static func now() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

  /// Counts finished units and perhaps shows them.
  public func advance(by count: Int = 1, extra: String? = nil) {
    state.withLock { state in
      state.done += count
      if let extra { state.extra = extra }
    }
    show(force: false)
  }

  /// Shows the final state and ends the line.
  public func finish() {
    show(force: true)
    if isTerminal, !isQuiet { Console.write("\n", to: STDERR_FILENO) }
  }

  private func show(force: Bool) {
    guard !isQuiet else { return }
    let now = Self.now()
    let interval = isTerminal ? 0.1 : now - start < 4 ? 2.0 : 10.0
    let line: String? = state.withLock { state in
      guard force || now - state.lastShown >= interval else { return nil }
      state.lastShown = now
      return text(state, elapsed: now - start)
    }
    guard let line else { return }
    Console.write(isTerminal ? "\r\u{1B}[K" + line : line + "\n", to: STDERR_FILENO)
  }

  private func text(_ state: State, elapsed: Double) -> String {
    var parts = ["\(label) \(state.done)/\(total)"]
    if state.done > 0, elapsed > 0 {
      let rate = Double(state.done) / elapsed
      parts.append(String(format: rate < 10 ? "%.1f" : "%.0f", rate) + " \(unit)/s")
      if state.done < total {
        parts.append("\(Self.duration(Double(total - state.done) / rate)) left")
      } else {
        parts.append("in \(Self.duration(elapsed))")
      }
    }
    if !state.extra.isEmpty { parts.append(state.extra) }
    return parts.joined(separator: "  ")
  }

  /// Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 10 min`.
  public static func duration(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
    return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
  }
}
