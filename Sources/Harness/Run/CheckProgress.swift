import CommandLine
import Foundation

/// Shows the progress of a check once it turns out to be needed.
final class CheckProgress: @unchecked Sendable {
  // Guarded by the lock.
  private var reporter: ProgressReporter?
  private let label: String
  private let lock = NSLock()

  init(_ label: String = "checking") { self.label = label }

  func update(done: Int, total: Int) {
    lock.lock()
    defer { lock.unlock() }
    if reporter == nil { reporter = ProgressReporter(label, total: total, unit: "images") }
    reporter?.advance(to: done)
  }

  func finish() { reporter?.finish() }
}
