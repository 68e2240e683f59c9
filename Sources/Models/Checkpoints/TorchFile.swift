import FileSupport
import Foundation

/// Reads PyTorch's two file forms through the restricted unpickler.
enum TorchFile {
  private static let magic: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]
  // The magic number as the two oldest pickle protocols write it.
  private static let magicText = Array("L119547037146038801333356L\n.".utf8)

  /// Whether bytes begin like the form of before PyTorch 1.6, in any pickle protocol.
  static func matchesLegacy(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if bytes.starts(with: magicText) { return true }
    // A protocol number, from protocol 4 on a frame, then the number and the end.
    guard bytes.count > 24, bytes[0] == 0x80 else { return false }
    let start = bytes[2] == 0x95 ? 11 : 2
    return bytes[start...].starts(with: magic)
  }

  /// Reads the zip form of PyTorch 1.6 and later.
  static func readZip(_ file: FileBytes) throws -> CheckpointFile.Content {
    let archive = try ZipArchive(file)
    let root = try root(of: archive, file.path)
    func entry(_ name: String) throws -> ZipArchive.Contents? {
      try archive.entries[root + name].map { try archive.contents($0) }
    }
    if let order = try entry("byteorder"),
      String(decoding: file.bytes(order), as: UTF8.self) == "big"
    {
      throw bigEndian(file.path)
    }
    guard let pickle = try entry("data.pkl") else {
      throw CheckpointError(path: file.path, problem: "has no data.pkl")
    }
    return try file.withBytes(pickle) { bytes in
      var reader = Unpickler(bytes)
      defer { reader.release() }
      let value = try load(&reader, file.path)
      var loaded: [String: ZipArchive.Contents] = [:]
      return try content(value, file) { storage in
        if let known = loaded[storage.key] { return known }
        guard let contents = try entry("data/" + storage.key) else {
          throw CheckpointError(
            path: file.path, problem: "is incomplete: storage \(storage.key) is missing")
        }
        guard let wanted = storage.byteCount, wanted <= contents.count else {
          throw CheckpointError(
            path: file.path,
            problem: "says storage \(storage.key) has \(storage.count) numbers, its entry has "
              + "\(contents.count) bytes")
        }
        loaded[storage.key] = contents
        return contents
      }
    }
  }

  /// The folder inside the archive that holds the checkpoint.
  private static func root(of archive: ZipArchive, _ path: String) throws -> String {
    let names = archive.entries.keys
    guard let pickle = names.filter({ $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }).min() else {
      throw CheckpointError(
        path: path, problem: "is a zip file but no checkpoint: it has no data.pkl",
        remedy: "give the .pth file itself")
    }
    let root = String(pickle.dropLast("data.pkl".count))
    if names.contains(root + "constants.pkl") {
      throw CheckpointError(
        path: path, problem: "is a TorchScript program, not a state dictionary",
        remedy: "save model.state_dict() with torch.save")
    }
    return root
  }

  /// Reads the form of before PyTorch 1.6: four pickles, then the storages one after the other.
  static func readLegacy(_ file: FileBytes) throws -> CheckpointFile.Content {
    var reader = Unpickler(file.bytes)
    defer { reader.release() }
    func next() throws -> PickleValue { try load(&reader, file.path) }
    _ = try next()  // magic number
    guard case .int(1001) = try next() else {
      throw CheckpointError(
        path: file.path, problem: "uses an unknown version of PyTorch's legacy form",
        remedy: "save it again with a current PyTorch")
    }
    if case .dictionary(let system) = try next(),
      system.pairs.contains(where: {
        if case .bool(false) = $0.value { $0.key.asString == "little_endian" } else { false }
      })
    {
      throw bigEndian(file.path)
    }
    let value = try next()
    let keys = (try next().asTuple ?? []).compactMap(\.asString)
    var ranges: [String: Range<Int>] = [:]
    var at = reader.at
    for key in keys {
      guard at <= file.count - 8 else {
        throw CheckpointError(path: file.path, problem: "is cut off before storage \(key)")
      }
      let count = Int(
        truncatingIfNeeded: file.bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
      at += 8
      guard let storage = reader.storages[key],
        let size = storage.typeName.map({ PickleStorage.sizes[$0] }) ?? 1
      else {
        throw CheckpointError(
          path: file.path,
          problem: "holds storage \(key) of a type that is not known, so what follows it cannot be "
            + "found",
          remedy: "save it again with a current PyTorch")
      }
      guard count >= 0, count <= (file.count - at) / size else {
        throw CheckpointError(
          path: file.path, problem: "is cut off: storage \(key) needs \(count) numbers")
      }
      ranges[key] = at..<at + count * size
      at += count * size
    }
    return try content(value, file) { storage in
      guard let range = ranges[storage.key], let wanted = storage.byteCount, range.count >= wanted
      else {
        throw CheckpointError(
          path: file.path, problem: "is incomplete: storage \(storage.key) is missing or short")
      }
      return .stored(range)
    }
  }

  private static func bigEndian(_ path: String) -> CheckpointError {
    CheckpointError(
      path: path, problem: "stores its numbers big-endian",
      remedy: "save it again on a little-endian machine")
  }

  private static func load(
    _ reader: inout Unpickler, _ path: String
  ) throws(CheckpointError) -> PickleValue {
    do throws(PickleError) {
      return try reader.load()
    } catch {
      guard !error.isUnsupported else {
        throw CheckpointError(
          path: path, problem: "\(error.problem) (byte \(error.offset) of its objects)",
          remedy: "save model.state_dict() alone with torch.save")
      }
      throw CheckpointError(
        path: path,
        problem: "has a damaged object graph at byte \(error.offset): it \(error.problem)")
    }
  }

  /// The file's tensors, with their numbers where `contents` says.
  private static func content(
    _ value: PickleValue, _ file: FileBytes,
    contents: (PickleStorage) throws -> ZipArchive.Contents
  ) throws -> CheckpointFile.Content {
    let found = PickledTensors(value)
    var content = CheckpointFile.Content(metadata: found.metadata)
    for (keys, kind) in found.others {
      content.unread.append((keys.joined(separator: "/"), kind))
    }
    for (keys, tensor) in found.tensors {
      let (group, key) = (keys.dropLast().joined(separator: "/"), keys.last ?? "tensor")
      guard let type = tensor.type else {
        content.unread.append((keys.joined(separator: "/"), tensor.typeName))
        continue
      }
      let stored: StoredTensor =
        switch try contents(tensor.storage) {
        case .stored(let range):
          StoredTensor(
            shape: tensor.shape, type: type, file: file, range: range, offset: tensor.offset,
            strides: tensor.strides)
        case .inflated(let bytes):
          StoredTensor(
            shape: tensor.shape, type: type, bytes: bytes, offset: tensor.offset,
            strides: tensor.strides)
        }
      content.entries.append(CheckpointFile.Entry(group: group, key: key, tensor: stored))
    }
    guard content.entries.isEmpty else { return content }
    if let module = found.modules.first {
      throw CheckpointError(
        path: file.path,
        problem: "is a whole module (\(module)), which only its own code can read, not its weights",
        remedy: "load it where that code is and save model.state_dict() with torch.save")
    }
    if found.isCut {
      throw CheckpointError(
        path: file.path, problem: "nests its objects too deep for a state dictionary",
        remedy: "give a checkpoint with a state dictionary")
    }
    return content
  }
}

extension FileBytes {
  /// The bytes of an archive's entry, in the file or inflated.
  fileprivate func withBytes<Result>(
    _ contents: ZipArchive.Contents, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    switch contents {
    case .stored(let range): try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    case .inflated(let bytes): try bytes.withUnsafeBytes(body)
    }
  }

  fileprivate func bytes(_ contents: ZipArchive.Contents) -> [UInt8] {
    withBytes(contents) { Array($0) }
  }
}
