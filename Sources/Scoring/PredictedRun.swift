import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs

/// How scores of predictions made elsewhere are kept as a run, for reports beside other runs.
struct PredictedRunOptions: Sendable {
  var name: String?
  var method: String?
  var network: String?
  var group: String?
  var folder = "reports/runs"
  private var givesFolder = false

  /// The options.
  static var table: OptionTable<PredictedRunOptions> {
    OptionTable()
      .option(
        "name", \.name, value: "text", .output,
        "Also keeps the scores as a run of this name, which bench-report compares with others."
      )
      .option(
        "method", \.method, value: "text", .output,
        "How the backbone was pretrained; 'supervised' makes the run a baseline."
      )
      .option("network", \.network, value: "text", .output, "The backbone: Swin-T, DeiT-S, ….")
      .option(
        "group", \.group, value: "text", .output, "Runs of one group are trainings of one method."
      )
      .option("runs", \.folder, value: "folder", .output, "Where the run is kept.")
  }

  /// Notes which options were given.
  mutating func start(given: Set<String>) { givesFolder = given.contains("runs") }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  func validate() throws(UsageError) {
    for (option, text) in [
      ("name", name), ("method", method), ("network", network), ("group", group),
    ]
    where text?.unicodeScalars.contains(where: CharacterSet.controlCharacters.contains) == true {
      throw .conflict("--\(option) holds a line end or another control character; leave it out.")
    }
    if name?.trimmingCharacters(in: .whitespaces).isEmpty == true {
      throw .conflict("--name holds nothing but spaces; give the run a name that can be read.")
    }
    guard name == nil else {
      try UsageError.checkFolder(folder, of: "runs")
      return
    }
    guard method == nil, network == nil, group == nil else {
      throw .conflict("--method, --network and --group describe a run; give it a --name.")
    }
    guard !givesFolder else {
      throw .conflict("--runs is where a run is kept; give it a --name.")
    }
  }

  /// Keeps a run, if the user gave it a name; only then is computed what it is kept under.
  ///
  /// - Parameters:
  ///   - predictions: The files that were scored.
  ///   - data: The test data: name, hash, counts.
  ///   - settings: How it was scored.
  ///   - scoring: How sure the scores are made, as for `RunSession`.
  ///   - fill: Writes the records and adds the numbers.
  /// - Throws: `FileError` when the run cannot be written.
  func keep(
    _ task: TaskDescription, predictions: @autoclosure () throws -> [String],
    data: @autoclosure () throws -> [String: String], settings: [String: String],
    scoring: [String: String] = [:], images: @autoclosure () throws -> RunImages? = nil,
    _ fill: (RunDirectory, inout RunResult) throws -> Void
  ) throws {
    guard let name else { return }
    var backbone = ["name": name, "architecture": network ?? "not told"]
    backbone["method"] = method
    backbone["group"] = group
    let hashes = try predictions().sorted().map { path in
      try SHA256.digest(file: path)
    }
    backbone["sha256"] =
      "predictions " + (hashes.count == 1 ? hashes[0] : SHA256.digest(hashes.joined()))
    var result = RunResult(
      task: task.name, backbone: backbone, data: try data(),
      settings: settings.merging(["made": RunResult.madeElsewhere]) { $1 })
    result.notes.append("predictions made elsewhere; how they were made is not known here")
    var options = RunOptions()
    options.output = folder
    let session = try RunSession(
      result, name: "\(task.name)-\(RelativePath.slug(name))", scoring: scoring, options: options)
    if session.finished == nil {
      try fill(session.directory, &result)
      let manager = FileManager.default
      let files = (task.recordFiles + task.otherRecordFiles)
        .filter { manager.fileExists(atPath: session.path + "/" + $0) }
      try session.finish(&result, files: files, images: try images())
    }
    Console.error("kept as \(session.path)")
  }
}
