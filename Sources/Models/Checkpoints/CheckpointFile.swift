import FileSupport
import Foundation

/// A checkpoint file: every tensor in it by group and key, nothing executed.
///
/// A group is where the state dictionary lies in the file: `model`, `state_dict`, `teacher`, or
/// empty for a bare one.
public struct CheckpointFile: Sendable {
  /// The forms of file that are read.
  public enum Format: String, Sendable {
    case torchZip = "PyTorch zip"
    case torchLegacy = "PyTorch legacy"
    case safetensors = "safetensors"
  }

  /// One tensor of the file.
  public struct Entry: Sendable {
    /// Where its state dictionary lies.
    public let group: String
    /// Its key there.
    public let key: String
    /// Shape, type and numbers.
    public let tensor: StoredTensor
  }

  /// The file's path.
  public let path: String
  /// How the file is built.
  public let format: Format
  /// SHA-256 of the whole file.
  public let sha256: String
  /// Tensors in file order.
  public let entries: [Entry]
  /// Numbers and strings beside the tensors, such as `epoch`.
  public let metadata: [String: String]

  /// Opens a file; the form is told by its bytes.
  ///
  /// - Throws: `CheckpointError` or `FileError`, saying where the file is damaged.
  public init(path: String) throws {
    let file = try FileBytes(path: path)
    self.path = path
    let bytes = file.bytes
    if ZipArchive.matches(bytes) {
      format = .torchZip
      let content = try TorchFile.readZip(file)
      (entries, metadata) = (content.entries, content.metadata)
    } else if TorchFile.matchesLegacy(bytes) {
      format = .torchLegacy
      let content = try TorchFile.readLegacy(file)
      (entries, metadata) = (content.entries, content.metadata)
    } else if Safetensors.matches(bytes) {
      format = .safetensors
      let content = try Safetensors.read(file)
      entries = content.tensors.map { Entry(group: "", key: $0.0, tensor: $0.1) }
      metadata = content.metadata
    } else {
      let problem =
        bytes.isEmpty
        ? "is empty"
        : bytes[0] == UInt8(ascii: "<")
          ? "is a web page, not a checkpoint" : "is neither a PyTorch checkpoint nor safetensors"
      throw CheckpointError(
        path: path, problem: problem,
        remedy: "give a .pth, .pt or .safetensors file as its authors published it")
    }
    guard !entries.isEmpty else {
      throw CheckpointError(
        path: path, problem: "holds no tensors",
        remedy: "give a checkpoint with a state dictionary")
    }
    sha256 = SHA256.digest(bytes)
  }

  /// The names of the groups in file order.
  public var groups: [String] {
    var seen: Set<String> = []
    return entries.map(\.group).filter { seen.insert($0).inserted }
  }
}
