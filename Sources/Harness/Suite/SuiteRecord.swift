import FileSupport
import Foundation

/// What a suite did so far, in the folder of its report: a later call forecasts the rest.
struct SuiteRecord {
  private let path: String
  private var done: Set<String>

  /// Reads what an earlier call left.
  ///
  /// - Parameter isFresh: Whether it counts for nothing.
  init(folder: String, isFresh: Bool) {
    path = folder + "/suite.json"
    let known = isFresh ? nil : (try? FileBytes.read(path)).flatMap { JSONValue(parsing: $0) }
    done = Set((known?["done"]?.arrayValue ?? []).compactMap(\.stringValue))
  }

  /// What tells a job from others: all that its program is told.
  private func key(_ job: SuiteJob) -> String {
    ([job.task.program] + job.arguments).joined(separator: " ")
  }

  /// Whether an earlier call finished a job.
  ///
  /// Its results are found, and checked, by their keys.
  func isDone(_ job: SuiteJob) -> Bool { done.contains(key(job)) }

  /// Keeps that a job is finished.
  ///
  /// - Throws: `FileError` when the disk is full.
  mutating func finish(_ job: SuiteJob) throws(FileError) {
    done.insert(key(job))
    let json = JSONValue.object(["done": .array(done.sorted().map { .string($0) })])
    try AtomicFile.write(text: json.text(isPretty: true) + "\n", to: path)
  }
}
