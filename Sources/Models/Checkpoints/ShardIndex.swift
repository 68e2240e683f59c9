import FileSupport
import Foundation

/// The index of a checkpoint that is split into several files: `model.safetensors.index.json`.
struct ShardIndex {
  private let path: String
  /// The file of every tensor.
  private let files: [String: String]

  /// Reads the index; nil when the file is none.
  ///
  /// - Throws: `FileError` for one that gives a tensor two files.
  init?(_ file: FileBytes) throws(FileError) {
    guard file.count < 256 << 20, file.bytes.first(where: { $0 > 32 }) == UInt8(ascii: "{") else {
      return nil
    }
    let value: JSONValue
    do throws(JSONFault) {
      value = try JSONValue(document: Array(file.bytes))
    } catch {
      guard case .repeatedKey = error.reason else { return nil }
      throw FileError(
        path: file.path, problem: error.problem, remedy: "download or write it again",
        exitCode: .badData)
    }
    guard case .object(let map)? = value["weight_map"] else { return nil }
    path = file.path
    files = map.compactMapValues(\.stringValue)
  }

  /// The tensors of all parts, and the hashes of the parts in the order of their names.
  ///
  /// - Throws: `CheckpointError` for a part that is missing, damaged or lies elsewhere, and for a
  ///   tensor that the index promises and no part holds.
  func read() throws -> (CheckpointFile.Content, hashes: String) {
    func fault(_ problem: String) -> CheckpointError {
      CheckpointError(
        path: path, problem: problem, remedy: "copy all parts into the folder of the index")
    }
    let folder = RelativePath.folder(of: path)
    var content = CheckpointFile.Content()
    var hashes = ""
    for name in Set(files.values).sorted() {
      guard !name.contains("/"), name != "..", !name.isEmpty else {
        throw fault("names a part outside of its folder, '\(name)'")
      }
      let place = (folder as NSString).appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: place) else {
        throw fault("names the part '\(name)', which is missing")
      }
      let part = try CheckpointFile(path: place)
      guard part.format != .shards else { throw fault("names another index, '\(name)'") }
      content.entries += part.entries.filter { files[$0.key] == name }
      content.unread += part.unread
      content.metadata.merge(part.metadata) { first, _ in first }
      hashes += part.sha256
    }
    let present = Set(content.entries.map(\.key) + content.unread.map(\.key))
    if let lost = files.keys.filter({ !present.contains($0) }).min() {
      throw fault("promises tensor '\(lost)', which \(files[lost] ?? "no part") does not hold")
    }
    return (content, hashes)
  }
}
