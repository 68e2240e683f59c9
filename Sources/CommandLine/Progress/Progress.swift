import Foundation
import Processes
import Synchronization

/// Shows how far long work is, on stderr: one rewritten line on a terminal, else a line at times.
///
/// Any thread may report. In a file or pipe the first line comes with the first progress within two
/// seconds, later ones every ten.
public final class ProgressReporter: Sendable {
  private struct State {
    var done: Int
    var extra = ""
    var lastShown = -Double.infinity
    var lastLine = ""
    var estimate: ProgressEstimate
  }

  /// Where lines go; tests put their own in its place.
  struct Output: Sendable {
    let isTerminal: Bool
    let columnCount: Int?
    let now: @Sendable () -> Double
    let write: @Sendable (String) -> Void

    /// Whether a line can be written over: not in files, and not where the terminal calls itself
    /// dumb, as editors' do.
    static func rewritesLines(isTerminal: Bool, term: String?) -> Bool {
      isTerminal && term != "dumb"
    }

    static var standardError: Output {
      Output(
        isTerminal: rewritesLines(
          isTerminal: isatty(STDERR_FILENO) == 1, term: ProcessInfo.processInfo.environment["TERM"]),
        columnCount: Console.columnCount(STDERR_FILENO),
        now: { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 },
        write: { Console.write($0, to: STDERR_FILENO) })
    }
  }

  private let label: String
  private let unit: String
  private let total: Int
  private let resumedAt: Int
  private let start: Double
  private let isQuiet: Bool
  private let output: Output
  private let state: Mutex<State>
  private static let quiet = Atomic<Bool>(false)

  /// Turns all progress off.
  public static func silence() { quiet.store(true, ordering: .relaxed) }

  /// Starts a line.
  ///
  /// - Parameters:
  ///   - label: What is being done.
  ///   - total: How many units there are.
  ///   - unit: The unit's name in the plural, for the rate.
  ///   - resumedAt: Units that an earlier run did; they count as done, not for the rate.
  public convenience init(_ label: String, total: Int, unit: String, resumedAt: Int = 0) {
    self.init(
      label, total: total, unit: unit, resumedAt: resumedAt, output: .standardError,
      isQuiet: Self.quiet.load(ordering: .relaxed) || !Processes.speaks)
  }

  init(
    _ label: String, total: Int, unit: String, resumedAt: Int, output: Output, isQuiet: Bool
  ) {
    self.label = label
    self.total = total
    self.unit = unit
    self.resumedAt = resumedAt
    self.output = output
    self.isQuiet = isQuiet
    start = output.now()
    state = Mutex(State(done: resumedAt, estimate: ProgressEstimate(at: start)))
    show(count: 0, extra: nil, isForced: true)
  }

  /// Counts finished units and perhaps shows them.
  public func advance(by count: Int = 1, extra: String? = nil) {
    show(count: count, extra: extra, isForced: false)
  }

  /// Sets how many units are finished in all, for work that counts by itself.
  public func advance(to done: Int, extra: String? = nil) {
    show(upTo: done, extra: extra)
  }

  /// Shows the final state and ends the line.
  public func finish() {
    show(count: 0, extra: nil, isForced: true, isLast: true)
  }

  private func show(
    count: Int = 0, upTo done: Int? = nil, extra: String?, isForced: Bool = false,
    isLast: Bool = false
  ) {
    guard !isQuiet else { return }
    // Written under the lock, so that lines of two threads cannot swap.
    state.withLock { state in
      let now = output.now()
      let count = done.map { max(0, $0 - state.done) } ?? count
      state.done += count
      state.estimate.advance(by: count, at: now)
      if let extra { state.extra = extra }
      let interval = output.isTerminal ? 0.1 : now - start < 4 ? 2.0 : 10.0
      guard isForced || now - state.lastShown >= interval else { return }
      state.lastShown = now
      let line = text(state, elapsed: now - start)
      if output.isTerminal {
        // A line that reaches the edge would wrap and could not be rewritten.
        let shown = output.columnCount.map { String(line.prefix(max(1, $0 - 1))) } ?? line
        output.write("\r\u{1B}[K" + shown + (isLast ? "\n" : ""))
      } else if line != state.lastLine {
        output.write(line + "\n")
      }
      state.lastLine = line
    }
  }

  private func text(_ state: State, elapsed: Double) -> String {
    var parts = ["\(label) \(state.done)/\(total)"]
    let isDone = state.done >= total
    let worked = state.done - resumedAt
    let overall = worked > 0 && elapsed > 0 ? Double(worked) / elapsed : nil
    if let rate = isDone ? overall : state.estimate.rate ?? overall {
      parts.append(String(format: rate < 10 ? "%.1f" : "%.0f", rate) + " \(unit)/s")
      if isDone {
        parts.append("in \(Self.duration(elapsed))")
      } else {
        parts.append("\(Self.duration(Double(total - state.done) / rate)) left")
      }
    }
    if !state.extra.isEmpty { parts.append(state.extra) }
    return parts.joined(separator: "  ")
  }

  /// Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 10 min`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "a very long time" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return String(format: "%d min %02d s", whole / 60, whole % 60) }
    return String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
  }
}
