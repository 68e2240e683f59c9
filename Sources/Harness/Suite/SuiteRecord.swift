import FileSupport
import Foundation

/// What a suite did so far, in the folder of its report: a later call forecasts the rest.
struct SuiteRecord {
  private let path: String
  /// The folders of the runs that each finished job left, by the job's key.
  private var done: [String: [String]] = [:]

  /// Reads what an earlier call left.
  ///
  /// - Parameter isFresh: Whether it counts for nothing.
  init(folder: String, isFresh: Bool) {
    path = folder + "/suite.json"
    let known = isFresh ? nil : (try? FileBytes.read(path)).flatMap { JSONValue(parsing: $0) }
    guard case .object(let jobs)? = known?["jobs"] else { return }
    done = jobs.compactMapValues { $0.arrayValue?.compactMap(\.stringValue) }
  }

  /// What tells a job from others: all that its program is told, the data that it found there and the
  /// contents of the files that it compares.
  ///
  /// - Throws: `FileError` where a file cannot be read.
  static func key(
    _ job: SuiteJob, data: [String: String], files: [String]
  ) throws(FileError) -> String {
    var parts = [job.task.program] + job.arguments
    parts += data.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    for file in files { parts.append(try SHA256.digest(file: file)) }
    return SHA256.digest(parts.joined(separator: "\n"))
  }

  /// Whether an earlier call finished a job and its runs are still there.
  ///
  /// Its results are found, and checked, by their own keys.
  func isDone(_ key: String) -> Bool {
    done[key]?.allSatisfy { FileManager.default.fileExists(atPath: $0 + "/result.json") } ?? false
  }

  /// Keeps that a job is finished.
  ///
  /// - Parameter runs: The folders of its runs.
  /// - Throws: `FileError` when the disk is full.
  mutating func finish(_ key: String, runs: [String]) throws(FileError) {
    done[key] = runs
    let json = JSONValue.object([
      "jobs": .object(done.mapValues { .array($0.map { .string($0) }) })
    ])
    try AtomicFile.write(text: json.text(isPretty: true) + "\n", to: path)
  }
}
