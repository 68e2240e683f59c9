import Foundation

/// Shows the progress of a check once it turns out to be needed.
public final class CheckProgress: @unchecked Sendable {
  // Guarded by the lock.
  private var reporter: ProgressReporter?
  private let label: String
  private let lock = NSLock()

  /// Nothing is shown before the first step.
  public init(_ label: String = "checking") { self.label = label }

  /// Takes in how much is done.
  public func update(done: Int, total: Int) {
    lock.lock()
    defer { lock.unlock() }
    if reporter == nil { reporter = ProgressReporter(label, total: total, unit: "images") }
    reporter?.advance(to: done)
  }

  /// Ends the line, if there is one; what follows has another.
  public func finish() {
    lock.lock()
    defer { lock.unlock() }
    reporter?.finish()
    reporter = nil
  }
}
