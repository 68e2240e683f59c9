import FileSupport
import Foundation

/// Reads PyTorch's two file forms through the restricted unpickler.
enum TorchFile {
  typealias Content = (entries: [CheckpointFile.Entry], metadata: [String: String])

  private static let magic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// Whether bytes begin like the form of before PyTorch 1.6.
  static func matchesLegacy(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > magic.count && bytes.prefix(magic.count).elementsEqual(magic)
  }

  static func readZip(_ file: FileBytes) throws -> Content {
    let archive = try ZipArchive(file)
    let names = archive.entries.keys
    guard let pickle = names.filter({ $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }).min() else {
      throw CheckpointError(
        path: file.path, problem: "is a zip file but no checkpoint: it has no data.pkl",
        remedy: "give the .pth file itself")
    }
    let root = String(pickle.dropLast("data.pkl".count))
    if names.contains(root + "constants.pkl") {
      throw CheckpointError(
        path: file.path, problem: "is a TorchScript program, not a state dictionary",
        remedy: "save model.state_dict() with torch.save")
    }
    func entry(_ name: String) throws -> ZipArchive.Contents? {
      guard let entry = archive.entries[name] else { return nil }
      return try archive.contents(entry)
    }
    if let order = try entry(root + "byteorder") {
      let text =
        switch order {
        case .stored(let range): String(decoding: file.bytes[range], as: UTF8.self)
        case .inflated(let bytes): String(decoding: bytes, as: UTF8.self)
        }
      guard text != "big" else {
        throw CheckpointError(
          path: file.path, problem: "stores its numbers big-endian",
          remedy: "save it again on a little-endian machine")
      }
    }
    let value: PickleValue
    switch try entry(pickle) {
    case .stored(let range):
      value = try unpickle(UnsafeRawBufferPointer(rebasing: file.bytes[range]), file.path)
    case .inflated(let bytes):
      value = try bytes.withUnsafeBytes { try unpickle($0, file.path) }
    case nil:
      throw CheckpointError(path: file.path, problem: "has no data.pkl")
    }
    var loaded: [String: ZipArchive.Contents] = [:]
    return try flatten(value, file.path) { storage in
      if loaded[storage.key] == nil {
        guard let contents = try entry(root + "data/" + storage.key) else {
          throw CheckpointError(
            path: file.path, problem: "is incomplete: storage \(storage.key) is missing")
        }
        loaded[storage.key] = contents
      }
      return loaded[storage.key] ?? .inflated([])
    } make: { tensor, contents in
      let wanted = tensor.storage.count.multipliedReportingOverflow(by: tensor.storage.type.size)
      let present =
        switch contents {
        case .stored(let range): range.count
        case .inflated(let bytes): bytes.count
        }
      guard !wanted.overflow, wanted.partialValue <= present else {
        throw CheckpointError(
          path: file.path,
          problem: "says storage \(tensor.storage.key) has \(tensor.storage.count) numbers, its "
            + "entry has \(present) bytes")
      }
      switch contents {
      case .stored(let range):
        return StoredTensor(
          shape: tensor.shape, type: tensor.storage.type, file: file, range: range,
          offset: tensor.offset, strides: tensor.strides)
      case .inflated(let bytes):
        return StoredTensor(
          shape: tensor.shape, type: tensor.storage.type, bytes: bytes, offset: tensor.offset,
          strides: tensor.strides)
      }
    }
  }

  static func readLegacy(_ file: FileBytes) throws -> Content {
    var reader = Unpickler(file.bytes)
    func next() throws -> PickleValue {
      do { return try reader.load() } catch { throw described(error, file.path) }
    }
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
      throw CheckpointError(
        path: file.path, problem: "stores its numbers big-endian",
        remedy: "save it again on a little-endian machine")
    }
    let value = try next()
    let keys = (try next().asTuple ?? []).compactMap(\.asString)
    // Element sizes come from the storages that the objects name.
    var sizes: [String: Int] = [:]
    try walk(value, path: [], depth: 0, file.path) { _, tensor in
      sizes[tensor.storage.key] = tensor.storage.type.size
    } metadata: { _, _ in
    }
    var ranges: [String: Range<Int>] = [:]
    var at = reader.at
    for key in keys {
      guard at <= file.count - 8 else {
        throw CheckpointError(path: file.path, problem: "is cut off before storage \(key)")
      }
      let count = Int(
        truncatingIfNeeded: file.bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
      at += 8
      guard let size = sizes[key] else {
        throw CheckpointError(
          path: file.path, problem: "holds storage \(key), which no tensor uses",
          remedy: "save it again with a current PyTorch")
      }
      guard count >= 0, count <= (file.count - at) / size else {
        throw CheckpointError(
          path: file.path, problem: "is cut off: storage \(key) needs \(count) numbers")
      }
      ranges[key] = at..<at + count * size
      at += count * size
    }
    return try flatten(value, file.path) { storage in
      guard let range = ranges[storage.key], range.count / storage.type.size >= storage.count else {
        throw CheckpointError(
          path: file.path, problem: "is incomplete: storage \(storage.key) is missing or short")
      }
      return ZipArchive.Contents.stored(range)
    } make: { tensor, contents in
      guard case .stored(let range) = contents else {
        throw CheckpointError(path: file.path, problem: "is damaged")
      }
      return StoredTensor(
        shape: tensor.shape, type: tensor.storage.type, file: file, range: range,
        offset: tensor.offset, strides: tensor.strides)
    }
  }

  private static func unpickle(
    _ bytes: UnsafeRawBufferPointer, _ path: String
  ) throws -> PickleValue {
    var reader = Unpickler(bytes)
    do { return try reader.load() } catch { throw described(error, path) }
  }

  private static func described(_ error: PickleError, _ path: String) -> CheckpointError {
    CheckpointError(
      path: path, problem: "has a damaged object graph at byte \(error.offset): it \(error.problem)"
    )
  }

  private static func flatten(
    _ value: PickleValue, _ path: String,
    contents: (PickleStorage) throws -> ZipArchive.Contents,
    make: (PickleTensor, ZipArchive.Contents) throws -> StoredTensor
  ) throws -> Content {
    var entries: [CheckpointFile.Entry] = []
    var metadata: [String: String] = [:]
    try walk(value, path: [], depth: 0, path) { keys, tensor in
      let stored = try make(tensor, try contents(tensor.storage))
      entries.append(
        CheckpointFile.Entry(
          group: keys.dropLast().joined(separator: "/"), key: keys.last ?? "tensor",
          tensor: stored))
    } metadata: { keys, text in
      metadata[keys.joined(separator: "/")] = text
    }
    return (entries, metadata)
  }

  /// Visits every tensor under nested dictionaries and lists, and every plain value near the top.
  private static func walk(
    _ value: PickleValue, path: [String], depth: Int, _ file: String,
    _ visit: ([String], PickleTensor) throws -> Void,
    metadata: ([String], String) -> Void
  ) throws {
    // Deep nesting means a structure that contains itself; weights lie a few levels down.
    guard depth < 12 else { return }
    func descend(_ key: String, _ child: PickleValue) throws {
      try walk(child, path: path + [key], depth: depth + 1, file, visit, metadata: metadata)
    }
    switch value {
    case .tensor(let tensor): try visit(path, tensor)
    case .dictionary(let dictionary):
      for (key, child) in dictionary.pairs {
        guard let name = key.asString ?? key.asInt.map(String.init) else { continue }
        try descend(name, child)
      }
    case .opaque(let object):
      guard depth < 3 else { return }
      for (key, child) in object.contents.pairs {
        if let name = key.asString { try descend(name, child) }
      }
    case .list(let list):
      guard depth < 3 else { return }
      for (index, child) in list.items.enumerated().prefix(4096) {
        try descend(String(index), child)
      }
    case .int(let number): if depth < 4 { metadata(path, String(number)) }
    case .float(let number): if depth < 4 { metadata(path, String(number)) }
    case .string(let text): if depth < 4, text.utf8.count < 4096 { metadata(path, text) }
    case .bool(let flag): if depth < 4 { metadata(path, flag ? "true" : "false") }
    case .tuple, .none, .bytes, .global, .storage: break
    }
  }
}
