import CommandLine
import Foundation

/// Shows the progress of a check once it turns out to be needed.
final class CheckProgress: @unchecked Sendable {
  // Guarded by the lock.
  private var reporter: ProgressReporter?
  private let lock = NSLock()

  func update(done: Int, total: Int) {
    lock.lock()
    defer { lock.unlock() }
    if reporter == nil { reporter = ProgressReporter("checking", total: total, unit: "images") }
    reporter?.advance(to: done)
  }

  func finish() { reporter?.finish() }
}
