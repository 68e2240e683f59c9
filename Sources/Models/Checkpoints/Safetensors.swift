import FileSupport
import Foundation

/// Reads and writes safetensors files: a JSON header, then raw numbers.
enum Safetensors {
  /// Whether bytes look like a safetensors file: a plausible header length, then `{`.
  static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 10 else { return false }
    let length = bytes.loadUnaligned(as: UInt64.self)
    return length >= 2 && length < 100 << 20 && bytes[8] == UInt8(ascii: "{")
  }

  /// The tensors and metadata of a file; tensors of types that are not read are named.
  ///
  /// - Throws: `CheckpointError`, saying where the file is damaged.
  static func read(_ file: FileBytes) throws(CheckpointError) -> CheckpointFile.Content {
    func fault(_ problem: String) -> CheckpointError {
      CheckpointError(path: file.path, problem: problem)
    }
    let bytes = file.bytes
    let length = Int(truncatingIfNeeded: bytes.loadUnaligned(as: UInt64.self))
    guard length >= 2, length <= bytes.count - 8 else {
      throw fault(
        "is cut off: its header says \(length) bytes, the file has \(bytes.count - 8)")
    }
    let header = Data(bytes[8..<8 + length])
    guard let root = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
      throw fault("has a header that is not JSON")
    }
    let data = 8 + length
    let available = bytes.count - data
    var content = CheckpointFile.Content(
      metadata: (root["__metadata__"] as? [String: String]) ?? [:])
    var tensors: [(range: Range<Int>, name: String, tensor: StoredTensor?)] = []
    for (name, value) in root where name != "__metadata__" {
      guard let fields = value as? [String: Any], let dtype = fields["dtype"] as? String,
        let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
        offsets.count == 2
      else { throw fault("describes tensor '\(name)' wrongly in its header") }
      let (start, end) = (offsets[0], offsets[1])
      guard let count = checkedCount(shape), start >= 0, start <= end, end <= available else {
        throw fault(
          "is cut off or damaged: tensor '\(name)' of shape \(shape) does not fit bytes "
            + "\(start)..<\(end) of \(available)")
      }
      guard let type = StoredType(rawValue: dtype) else {
        content.unread.append((name, dtype))
        tensors.append((start..<end, name, nil))
        continue
      }
      guard count == (end - start) / type.size, (end - start) % type.size == 0 else {
        throw fault(
          "is damaged: tensor '\(name)' of shape \(shape) as \(dtype) does not fill bytes "
            + "\(start)..<\(end)")
      }
      let tensor = StoredTensor(
        shape: shape, type: type, file: file, range: data + start..<data + end)
      tensors.append((start..<end, name, tensor))
    }
    tensors.sort { ($0.range.lowerBound, $0.name) < ($1.range.lowerBound, $1.name) }
    var end = 0
    for entry in tensors {
      guard entry.range.lowerBound >= end else {
        throw fault("has overlapping tensors ('\(entry.name)')")
      }
      end = entry.range.upperBound
      if let tensor = entry.tensor {
        content.entries.append(CheckpointFile.Entry(group: "", key: entry.name, tensor: tensor))
      }
    }
    // The format leaves no byte over; one that is belongs to a tensor whose name came twice, or to
    // another file.
    let covered = tensors.reduce(0) { $0 + $1.range.count }
    guard tensors.isEmpty || covered == available else {
      throw fault("holds \(available - covered) bytes that no tensor of its header has")
    }
    content.unread.sort { $0.key < $1.key }
    return content
  }

  /// Writes single-precision tensors, header padded so that data begin at a multiple of eight.
  static func write(
    _ tensors: [(key: String, shape: [Int], values: [Float])], metadata: [String: String],
    to path: String
  ) throws(FileError) {
    var entries: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map {
        "\(jsonLiteral($0.key)):\(jsonLiteral($0.value))"
      }
      entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var at = 0
    for tensor in tensors {
      let end = at + tensor.values.count * 4
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      entries.append(
        "\(jsonLiteral(tensor.key)):{\"dtype\":\"F32\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(at),\(end)]}")
      at = end
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
      try writer.append(length + header)
      for tensor in tensors { try writer.append(tensor.values) }
    }
  }
}
