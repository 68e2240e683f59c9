import FileSupport
import Foundation

/// Writes a state dictionary in PyTorch's zip form, so that `torch.load` opens it.
enum TorchWriter {
  /// Writes `{group: OrderedDict(key → tensor), …metadata}`.
  ///
  /// Numbers are single precision; each storage begins at a multiple of 64 bytes as PyTorch's do.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  static func write(
    _ tensors: [(key: String, shape: [Int], values: [Float])], group: String,
    metadata: [(key: String, value: String)], to path: String
  ) throws(FileError) {
    var pickle = Pickler()
    pickle.open()
    pickle.string(group)
    pickle.orderedDictionary(tensors.map { ($0.key, $0.shape) })
    for entry in metadata {
      pickle.string(entry.key)
      pickle.string(entry.value)
    }
    pickle.close()
    try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
      var zip = ZipWriter()
      try zip.add("archive/data.pkl", bytes: pickle.bytes, &writer)
      for (index, tensor) in tensors.enumerated() {
        try zip.add("archive/data/\(index)", floats: tensor.values, &writer)
      }
      try zip.add("archive/version", bytes: Array("3\n".utf8), &writer)
      try zip.finish(&writer)
    }
  }

  private struct Pickler {
    var bytes: [UInt8] = [0x80, 0x02]

    mutating func open() { bytes += [0x7D, 0x28] }  // EMPTY_DICT MARK
    mutating func close() { bytes += [0x75, 0x2E] }  // SETITEMS STOP

    mutating func string(_ text: String) {
      let utf8 = Array(text.utf8)
      bytes.append(0x58)
      bytes += little(UInt64(utf8.count), 4) + utf8
    }

    mutating func global(_ module: String, _ name: String) {
      bytes += [0x63] + Array("\(module)\n\(name)\n".utf8)
    }

    mutating func integer(_ value: Int) {
      if value >= 0, value <= Int(Int32.max) {
        bytes += [0x4A] + little(UInt64(value), 4)
      } else {
        bytes += [0x8A, 8] + little(UInt64(bitPattern: Int64(value)), 8)
      }
    }

    mutating func tuple(_ values: [Int]) {
      bytes.append(0x28)
      for value in values { integer(value) }
      bytes.append(0x74)
    }

    mutating func orderedDictionary(_ tensors: [(key: String, shape: [Int])]) {
      global("collections", "OrderedDict")
      bytes += [0x29, 0x52, 0x28]  // EMPTY_TUPLE REDUCE MARK
      for (index, tensor) in tensors.enumerated() {
        string(tensor.key)
        global("torch._utils", "_rebuild_tensor_v2")
        bytes += [0x28, 0x28]
        string("storage")
        global("torch", "FloatStorage")
        string(String(index))
        string("cpu")
        integer(tensor.shape.reduce(1, *))
        bytes += [0x74, 0x51]  // TUPLE BINPERSID
        integer(0)
        tuple(tensor.shape)
        tuple(StoredTensor.contiguousStrides(tensor.shape))
        bytes.append(0x89)  // requires_grad False
        global("collections", "OrderedDict")
        bytes += [0x29, 0x52, 0x74, 0x52]
      }
      bytes.append(0x75)
    }
  }
}

private func little(_ value: UInt64, _ size: Int) -> [UInt8] {
  (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

/// Writes stored zip entries one after the other, Zip64 where sizes ask for it.
private struct ZipWriter {
  private var directory: [UInt8] = []
  private var count = 0

  mutating func add(
    _ name: String, bytes: [UInt8], _ writer: inout AtomicFile.Writer
  ) throws(FileError) {
    let checksum = bytes.withUnsafeBytes { crc32($0) }
    try header(name, size: bytes.count, checksum: checksum, &writer)
    try writer.append(bytes)
  }

  mutating func add(
    _ name: String, floats: [Float], _ writer: inout AtomicFile.Writer
  ) throws(FileError) {
    let checksum = floats.withUnsafeBytes { crc32($0) }
    try header(name, size: floats.count * 4, checksum: checksum, &writer)
    try writer.append(floats)
  }

  private mutating func header(
    _ name: String, size: Int, checksum: UInt32, _ writer: inout AtomicFile.Writer
  ) throws(FileError) {
    let offset = writer.count
    let utf8 = Array(name.utf8)
    let large = size >= 0xFFFF_FFFF
    let zip64 = large ? [1, 0, 16, 0] + little(UInt64(size), 8) + little(UInt64(size), 8) : []
    // A padding field brings the data to a multiple of 64.
    let start = offset + 30 + utf8.count + zip64.count + 4
    let padding = (64 - start % 64) % 64
    let extra =
      zip64 + Array("FB".utf8) + little(UInt64(padding), 2)
      + [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    let stored = large ? UInt64(0xFFFF_FFFF) : UInt64(size)
    let common =
      little(0x0800, 2) + little(0, 2) + little(0, 2) + little(0x0021, 2)
      + little(UInt64(checksum), 4) + little(stored, 4) + little(stored, 4)
      + little(UInt64(utf8.count), 2)
    try writer.append(
      little(0x0403_4B50, 4) + little(large ? 45 : 20, 2) + common + little(UInt64(extra.count), 2)
        + utf8 + extra)
    var central64 = zip64
    let far = offset >= 0xFFFF_FFFF
    if far {
      central64 =
        little(1, 2) + little(large ? 24 : 8, 2) + Array(zip64.dropFirst(4))
        + little(UInt64(offset), 8)
    }
    directory +=
      little(0x0201_4B50, 4) + little(45, 2) + little(large || far ? 45 : 20, 2) + common
      + little(UInt64(central64.count), 2) + little(0, 2) + little(0, 2) + little(0, 2)
      + little(0, 4) + little(far ? 0xFFFF_FFFF : UInt64(offset), 4) + utf8 + central64
    count += 1
  }

  mutating func finish(_ writer: inout AtomicFile.Writer) throws(FileError) {
    let start = writer.count
    try writer.append(directory)
    let record = writer.count
    if start >= 0xFFFF_FFFF || count >= 0xFFFF {
      try writer.append(
        little(0x0606_4B50, 4) + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 4)
          + little(0, 4) + little(UInt64(count), 8) + little(UInt64(count), 8)
          + little(UInt64(directory.count), 8) + little(UInt64(start), 8))
      try writer.append(
        little(0x0706_4B50, 4) + little(0, 4) + little(UInt64(record), 8) + little(1, 4))
    }
    let shown = UInt64(min(count, 0xFFFF))
    try writer.append(
      little(0x0605_4B50, 4) + little(0, 4) + little(shown, 2) + little(shown, 2)
        + little(UInt64(min(directory.count, 0xFFFF_FFFF)), 4)
        + little(UInt64(min(start, 0xFFFF_FFFF)), 4) + little(0, 2))
  }
}

/// Writes checkpoints that this suite and PyTorch read.
public enum CheckpointWriter {
  /// Writes a state dictionary; the extension chooses the form (`.safetensors`, else PyTorch zip).
  ///
  /// - Parameters:
  ///   - tensors: Key, shape and values in order.
  ///   - group: The PyTorch form's top-level key, `model` in most published files.
  ///   - metadata: Strings stored beside the tensors.
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public static func write(
    _ tensors: [(key: String, shape: [Int], values: [Float])], group: String = "model",
    metadata: [(key: String, value: String)] = [], to path: String
  ) throws(FileError) {
    if path.hasSuffix(".safetensors") {
      let pairs = Dictionary(metadata.map { ($0.key, $0.value) }) { first, _ in first }
      try Safetensors.write(tensors, metadata: pairs, to: path)
    } else {
      try TorchWriter.write(tensors, group: group, metadata: metadata, to: path)
    }
  }
}
