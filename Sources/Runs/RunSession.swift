import CommandLine
import FileSupport
import Foundation
import Processes
import Reporting
import TensorCore
import Threads

extension RunResult {
  /// What decides the numbers, and the name that it gives the run.
  ///
  /// - Parameter parts: Named settings that a reader of the result does not need.
  package func key(_ parts: [String: [String: String]] = [:]) -> RunKey {
    RunKey(
      task: task,
      ["backbone": backbone, "data": data, "settings": settings].merging(parts) { $1 })
  }
}

/// One run: its folder and lock, its key, how long it took, and its result, which is written last.
///
///     protocol.json   what decides the numbers, see `RunKey`
///     manifest.json   schema, key, backbone, data, scoring, engine
///     timing.json     schema, command, seconds, phases, threads, products
package final class RunSession {
  /// Raised when the form of `manifest.json` or `timing.json` changes.
  package static let schemaVersion = 1

  package let directory: RunDirectory
  package let key: RunKey
  /// The result that an earlier process finished under the same key, its files as it left them.
  package let finished: RunResult?
  /// The same run under the policy to stop at a bad image; nil where it is not another one.
  package let twin: (path: String, digest: String)?
  private var phases: [String: Double] = [:]
  private var facts: [String: JSONValue] = [:]

  /// The run's folder.
  package var path: String { directory.path }

  /// The folder of a run, by its key's digest.
  package static func path(_ digest: String, name: String, in output: String) -> String {
    "\(output)/\(name)-\(digest.prefix(12))"
  }

  /// Opens a run, finds its result or writes down what it will be made of.
  ///
  /// - Parameters:
  ///   - result: Task, backbone, data and settings; the numbers are still to come.
  ///   - name: What a person tells the folder by.
  ///   - parts: As for `RunResult.key`.
  ///   - scoring: Settings of the intervals: they decide the result, but no trained weight.
  /// - Throws: `FileError` when the folder may not be written, another process has it, or a file
  ///   that the finished result was made from has changed.
  package init(
    _ result: RunResult, name: String, parts: [String: [String: String]] = [:],
    scoring: [String: String] = [:], options: RunOptions
  ) throws {
    key = result.key(parts)
    try SameWork.requireSameRun(key)
    directory = try RunDirectory(path: Self.path(key.digest, name: name, in: options.output))
    if options.restarts { try directory.clear() }
    twin =
      options.restarts
      ? nil : key.stoppingAtBadImages.map { (Self.path($0, name: name, in: options.output), $0) }
    let manifest = JSONValue.object([
      "schema": .integer(Self.schemaVersion), "key": .string(key.digest),
      "backbone": Self.object(result.backbone), "data": Self.object(result.data),
      "scoring": Self.object(scoring),
      "engine": .object([
        "version": .string(Command.version), "products": .string(Arithmetic.summary),
      ]),
    ])
    finished = try Self.agreed { [directory, key] in
      let known = try Self.finished(in: directory, scoring: scoring)
      return known?.key(parts).digest == key.digest ? known : nil
    }
    guard finished == nil else { return }
    if case .object(let known)? = directory.read("timing.json")?["phases"] {
      phases = known.compactMapValues(\.doubleValue)
    }
    try directory.write(key.document, to: "protocol.json")
    try directory.write(manifest, to: "manifest.json")
  }

  /// What the process that writes finds, on all processes.
  private static func agreed(_ find: () throws -> RunResult?) throws -> RunResult? {
    var own: RunResult?
    let text = try Processes.told {
      own = try find()
      return own?.json.text() ?? ""
    }
    return Processes.current.isRoot || text.isEmpty
      ? own : try RunResult(Array(text.utf8), of: "the finished result")
  }

  private static func object(_ members: [String: String]) -> JSONValue {
    .object(members.mapValues { .string($0) })
  }

  /// The result in a folder with all files that it was made from.
  private static func finished(
    in directory: RunDirectory, scoring: [String: String]
  ) throws(FileError) -> RunResult? {
    guard let known = try? RunResult(path: directory.path + "/result.json"), known.isSealed,
      directory.read("manifest.json")?["scoring"]?.text() == object(scoring).text(),
      known.files.keys.allSatisfy({
        FileManager.default.fileExists(atPath: directory.path + "/" + $0)
      })
    else { return nil }
    for (name, digest) in known.files.sorted(by: { $0.key < $1.key }) {
      let file = directory.path + "/" + name
      guard try SHA256.digest(file: file) == digest else {
        throw FileError(
          path: file, problem: "is not the file that the finished result was made from",
          remedy: "put it back, or begin again with --restart", exitCode: .badData)
      }
    }
    return known
  }

  // MARK: Time

  /// Does a part of the work and adds its seconds to `timing.json`, also when it is stopped.
  package func timed<Value>(_ phase: String, _ work: () throws -> Value) throws -> Value {
    let watch = Stopwatch()
    do {
      let value = try work()
      try note(phase, watch)
      return value
    } catch {
      // The work's own error says more than one about its timing.
      try? note(phase, watch)
      throw error
    }
  }

  private func note(_ phase: String, _ watch: Stopwatch) throws(FileError) {
    phases[phase, default: 0] += watch.seconds
    try writeTiming()
  }

  /// Notes a fact that may differ from run to run, such as how many steps a process made.
  package func note(_ name: String, _ value: JSONValue) { facts[name] = value }

  private func writeTiming() throws(FileError) {
    func tenths(_ seconds: Double) -> JSONValue { .number((seconds * 10).rounded() / 10) }
    var members = facts
    members["schema"] = .integer(Self.schemaVersion)
    members["command"] = .string(Command.line)
    members["seconds"] = tenths(phases.values.reduce(0, +))
    members["phases"] = .object(phases.mapValues(tenths))
    members["threads"] = .integer(ThreadPool.shared.threadCount)
    members["products"] = .string(Arithmetic.summary)
    try directory.write(.object(members), to: "timing.json")
  }

  // MARK: The end

  /// Notes the hashes of the files that the numbers come from and writes the result, last of all.
  ///
  /// - Throws: `FileError` when a file is missing or the disk is full.
  package func finish(_ result: inout RunResult, files: [String], images: RunImages? = nil)
    throws(FileError)
  {
    guard !FileWriting.isOff else { return }
    for name in files { result.files[name] = try SHA256.digest(file: path + "/" + name) }
    try images?.write(to: path)
    try writeTiming()
    try directory.write(result.json, to: "result.json")
  }
}
