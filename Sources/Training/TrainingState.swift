import FileSupport
import Foundation
import Layers
import Models
import TensorCore

/// The file that a training goes on from: weights, optimiser, and how many updates were made.
///
/// It is written aside and renamed into place, so a reader sees the state of one moment whenever
/// the program was killed.
package struct TrainingState {
  /// Where the state is kept.
  package let path: String
  /// The hash of everything that decides the run; a state of another is not taken over.
  package let key: String

  /// Names the file and the run.
  package init(path: String, key: String) {
    self.path = path
    self.key = key
  }

  /// Writes the state.
  package func save(
    _ module: some Module, _ optimizer: some Optimizer, updates: Int
  ) throws(FileError) {
    let model = StateDictionary(module).entries.map {
      (key: "model." + $0.key, shape: $0.shape, values: $0.values)
    }
    let memory = optimizer.state.map {
      (key: "optimizer." + $0.key, shape: $0.tensor.shape, values: $0.tensor.values)
    }
    try CheckpointWriter.write(
      model + memory, metadata: [("key", key), ("updates", String(updates))], to: path)
  }

  /// Takes over a state.
  ///
  /// - Parameter buffers: Hands the stored buffers to the module.
  /// - Returns: Updates made, or nil when there is nothing to go on from.
  /// - Throws: `FileError` when the file is there and cannot be used.
  package func restore(
    _ module: some Module, _ optimizer: some Optimizer,
    buffers: ((String) -> [Float]?) -> Void
  ) throws -> Int? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let file = try CheckpointFile(path: path)
    func fault(_ problem: String) -> FileError {
      FileError(
        path: path, problem: problem, remedy: "use --restart to begin again", exitCode: .badData)
    }
    guard file.metadata["key"] == key, let updates = file.metadata["updates"].flatMap({ Int($0) })
    else { throw fault("is the state of another run or of an older version") }
    let stored = Dictionary(
      file.entries.map { ($0.key, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    let wanted =
      module.parameters.map { ("model." + $0.key, $0.tensor) }
      + optimizer.state.map { ("optimizer." + $0.key, $0.tensor) }
    for (name, tensor) in wanted {
      guard let values = stored[name], values.elementCount == tensor.elementCount else {
        throw fault("lacks '\(name)'")
      }
      for (index, value) in values.floats().enumerated() { tensor.pointer[index] = value }
    }
    buffers { stored["model." + $0]?.floats() }
    optimizer.stepCount = updates
    return updates
  }

  /// Removes the file, at the end of a training.
  package func remove() { unlink(path) }
}
