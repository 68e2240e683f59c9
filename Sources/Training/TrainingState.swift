import CommandLine
import FileSupport
import Foundation
import Models

/// One tensor of a state: its name, the lengths of its axes, its numbers in row-major order.
public typealias StateTensor = (key: String, shape: [Int], values: [Float])

/// The file that a training goes on from: every number that the next step depends on.
///
/// It is written aside and renamed into place, so a reader sees the state of one moment whenever
/// the program was killed. A checksum covers names, shapes, numbers and facts: a file that was cut
/// or altered, or belongs to another run, is refused as a whole, before anything is taken over.
///
/// Format: safetensors; metadata `state` (version), `key`, `facts` (JSON), `sha256`.
public struct TrainingState: Sendable {
  /// Where the state is kept.
  public let path: String
  /// The hash of everything that decides the run; a state of another is not taken over.
  public let key: String

  private static let version = "2"

  /// Names the file and the run.
  public init(path: String, key: String) {
    self.path = path
    self.key = key
  }

  /// What was stored.
  public struct Contents {
    /// Tensors by name.
    public let tensors: [String: [Float]]
    /// What is no tensor: position, curves.
    public let facts: JSONValue
  }

  /// Writes the state.
  ///
  /// - Throws: `FileError` when the disk is full; the former state is then still there.
  public func save(_ tensors: [StateTensor], facts: JSONValue) throws(FileError) {
    let text = facts.text()
    try CheckpointWriter.write(
      tensors,
      metadata: [
        ("state", Self.version), ("key", key), ("facts", text),
        ("sha256", digest(tensors.sorted { $0.key < $1.key }, facts: text)),
      ], to: path)
  }

  /// Reads the state.
  ///
  /// - Parameter expected: Every tensor that the training has; names and shapes must agree.
  /// - Returns: What was stored, or nil when there is nothing to go on from.
  /// - Throws: `FileError` when the file is there and cannot be used.
  public func restore(expected: [StateTensor]) throws(FileError) -> Contents? {
    guard let (stored, facts) = try read() else { return nil }
    let shapes = Dictionary(stored.map { ($0.key, $0.shape) }, uniquingKeysWith: { $1 })
    for tensor in expected where shapes[tensor.key] != tensor.shape {
      throw fault(
        shapes[tensor.key] == nil
          ? "lacks '\(tensor.key)'"
          : "has '\(tensor.key)' of shape \(shapes[tensor.key] ?? []), not \(tensor.shape)")
    }
    guard shapes.count == expected.count else {
      throw fault("holds \(shapes.count) tensors where this training has \(expected.count)")
    }
    return Contents(
      tensors: Dictionary(stored.map { ($0.key, $0.values) }, uniquingKeysWith: { $1 }),
      facts: facts)
  }

  /// Takes over the state of a run that differs in nothing that was used so far.
  ///
  /// - Returns: Whether there was one.
  /// - Throws: `FileError` when it is there and cannot be used, or the disk is full.
  public func adopt(_ other: TrainingState) throws(FileError) -> Bool {
    guard let (stored, facts) = try other.read() else { return false }
    try save(stored, facts: facts)
    return true
  }

  /// What the file holds, sorted by name, once its checksum and its run are found right.
  private func read() throws(FileError) -> (tensors: [StateTensor], facts: JSONValue)? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let file: CheckpointFile
    do {
      file = try CheckpointFile(path: path)
    } catch let error as CheckpointError {
      throw fault(error.problem)
    } catch let error as FileError {
      throw error
    } catch {
      throw fault("cannot be read (\(error))")
    }
    guard file.metadata["state"] == Self.version, let text = file.metadata["facts"],
      let facts = JSONValue(parsing: Array(text.utf8))
    else { throw fault("is no state of a training, or one of another version") }
    guard file.metadata["key"] == key else { throw fault("is the state of another run") }
    let stored = file.entries.map { entry -> StateTensor in
      (entry.key, entry.tensor.shape, entry.tensor.floats())
    }.sorted { $0.key < $1.key }
    guard file.metadata["sha256"] == digest(stored, facts: text) else {
      throw fault("was altered after it was written: its checksum is wrong")
    }
    return (stored, facts)
  }

  /// The error of a state that cannot be used.
  func fault(_ problem: String) -> FileError {
    FileError(
      path: path, problem: problem, remedy: "use --restart to begin again", exitCode: .badData)
  }

  /// Removes the file, at the end of a training.
  public func remove() { FileWriting.remove(path) }

  private func digest(_ tensors: [StateTensor], facts: String) -> String {
    var hash = SHA256()
    hash.update("\(Self.version)\n\(key)\n\(facts)\n")
    for tensor in tensors {
      hash.update("\(tensor.key) \(tensor.shape)\n")
      tensor.values.withUnsafeBytes { hash.update($0) }
    }
    return hash.finish()
  }
}
