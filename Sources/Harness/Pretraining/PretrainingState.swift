import FileSupport
import Foundation
import Models

/// Where a run is: after which batch of which epoch, and after which update.
struct PretrainingProgress: Sendable, Equatable {
  /// Finished batches of the current epoch; `epoch` from 0.
  var epoch = 0, batch = 0
  /// Updates made.
  var step = 0
  /// Images left out because they could not be decoded.
  var skippedImages = 0

  var json: JSONValue {
    .object([
      "epoch": .integer(epoch), "batch": .integer(batch), "step": .integer(step),
      "skipped": .integer(skippedImages),
    ])
  }

  init() {}

  init?(_ json: JSONValue) {
    guard let epoch = json["epoch"]?.intValue, let batch = json["batch"]?.intValue,
      let step = json["step"]?.intValue, let skipped = json["skipped"]?.intValue
    else { return nil }
    (self.epoch, self.batch, self.step, skippedImages) = (epoch, batch, step, skipped)
  }
}

/// The file a run goes on from.
///
/// It holds every tensor that the next step depends on, written aside and renamed into place: a
/// reader sees the state of one moment, whenever the program was killed.
enum PretrainingState {
  static let name = "state.safetensors"

  /// Writes the state.
  ///
  /// - Parameter key: The hash of plan and data; a state of another run is not taken over.
  static func save(
    _ engine: PretrainingEngine, _ progress: PretrainingProgress, key: String, to folder: String
  ) throws(FileError) {
    try CheckpointWriter.write(
      engine.state, metadata: [("key", key), ("progress", progress.json.text())],
      to: folder + "/" + name)
  }

  /// Takes over the state that a killed run left, if there is one.
  ///
  /// - Returns: Where that run was, or nil when there is nothing to go on from.
  /// - Throws: `FileError` when the file is there and cannot be used.
  static func restore(
    _ engine: PretrainingEngine, key: String, from folder: String
  ) throws -> PretrainingProgress? {
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let file = try CheckpointFile(path: path)
    func fault(_ problem: String) -> FileError {
      FileError(
        path: path, problem: problem, remedy: "use --restart to begin again",
        exitCode: .badData)
    }
    guard file.metadata["key"] == key else {
      throw fault("is the state of another run or of an older version")
    }
    guard let text = file.metadata["progress"], let json = JSONValue(parsing: Array(text.utf8)),
      let progress = PretrainingProgress(json)
    else { throw fault("does not say where the run was") }
    let stored = Dictionary(
      file.entries.map { ($0.key, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    if let missing = engine.restore({ stored[$0]?.floats() }) {
      throw fault("lacks '\(missing)'")
    }
    return progress
  }
}
