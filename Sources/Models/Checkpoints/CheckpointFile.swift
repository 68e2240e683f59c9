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
    case shards = "index of shards"
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

  /// What a file of any form holds.
  struct Content {
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    /// Tensors whose numbers are of a type that is not read.
    var unread: [(key: String, type: String)] = []
  }

  /// The file's path.
  public let path: String
  /// How the file is built.
  public let format: Format
  /// SHA-256 of the whole file, or of an index and the hashes of its parts.
  public let sha256: String
  /// Tensors in file order.
  public let entries: [Entry]
  /// Numbers and strings beside the tensors, such as `epoch`.
  public let metadata: [String: String]
  /// Tensors that are there and of a type that is not read, such as complex numbers: key and type.
  public let unread: [(key: String, type: String)]

  /// The same by their keys.
  var unreadTypes: [String: String] {
    Dictionary(unread.map { ($0.key, $0.type) }) { first, _ in first }
  }

  /// Opens a file; the form is told by its bytes.
  ///
  /// - Throws: `CheckpointError` or `FileError`, saying where the file is damaged.
  public init(path: String) throws {
    let file = try FileBytes(path: path, readsPipes: true)
    self.path = path
    let bytes = file.bytes
    let content: Content
    var parts = ""
    if ZipArchive.matches(bytes) {
      format = .torchZip
      content = try TorchFile.readZip(file)
    } else if TorchFile.matchesLegacy(bytes) {
      format = .torchLegacy
      content = try TorchFile.readLegacy(file)
    } else if Safetensors.matches(bytes) {
      format = .safetensors
      content = try Safetensors.read(file)
    } else if let index = try ShardIndex(file) {
      format = .shards
      (content, parts) = try index.read()
    } else {
      throw CheckpointError(
        path: path, problem: Self.kind(of: bytes),
        remedy: "give a .pth, .pt or .safetensors file as its authors published it")
    }
    (entries, metadata, unread) = (content.entries, content.metadata, content.unread)
    guard !entries.isEmpty else {
      throw CheckpointError(
        path: path,
        problem: unread.isEmpty
          ? "holds no tensors"
          : "holds only tensors of types that are not read (\(unread[0].key) as \(unread[0].type))",
        remedy: "give a checkpoint with a state dictionary")
    }
    sha256 =
      parts.isEmpty ? SHA256.digest(bytes) : SHA256.digest(SHA256.digest(bytes) + parts)
  }

  /// What a file that is no checkpoint seems to be.
  private static func kind(of bytes: UnsafeRawBufferPointer) -> String {
    guard let first = bytes.first else { return "is empty" }
    if let kind = FileKind(bytes), kind != .pickle { return "is \(kind.name), not a checkpoint" }
    if first == UInt8(ascii: "<") { return "is a web page, not a checkpoint" }
    if first == 0x80 {
      return "is a pickle, but not one that torch.save made"
    }
    return "is neither a PyTorch checkpoint nor safetensors"
  }

  /// The names of the groups in file order.
  public var groups: [String] {
    var seen: Set<String> = []
    return entries.map(\.group).filter { seen.insert($0).inserted }
  }
}
