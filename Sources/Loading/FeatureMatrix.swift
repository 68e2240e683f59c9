import FileSupport
import Foundation
import TensorCore

/// The features of the images of a split, with labels: a matrix mapped from a file.
public struct FeatureMatrix {
  /// Numbers a row.
  public let featureCount: Int
  /// Class of each row.
  public let labels: [Int32]
  /// Position in the folder of each row's image.
  public let indices: [Int32]
  private let file: FileBytes

  /// Rows.
  public var count: Int { labels.count }

  /// The numbers, `[count, featureCount]`; valid while this value lives.
  public let values: UnsafeBufferPointer<Float>

  /// Some rows as a tensor, whole or some columns of them.
  public func rows(_ rows: some Collection<Int>, columns: Range<Int>? = nil) -> Tensor {
    let columns = columns ?? 0..<featureCount
    return Tensor(shape: [rows.count, columns.count]) { target in
      for (place, row) in rows.enumerated() {
        let start = row * featureCount
        _ = target[(place * columns.count)...].update(
          fromContentsOf: values[start + columns.lowerBound..<start + columns.upperBound])
      }
    }
  }

  // Numbers first, so that they can be written as they come: [count, width] floats, labels,
  // indices, key, and 64 bytes that say how long each part is and what all of them sum up to.
  private static let magic = Array("SWINFEA3".utf8)

  /// Opens a feature file, or nil when it is missing, damaged or of other content.
  ///
  /// - Parameter truth: The class of every image of the split; a row that says another is damaged.
  public init?(path: String, key: String, truth: [Int32]? = nil) {
    guard let file = try? FileBytes(path: path), file.count >= 64 else { return nil }
    let bytes = file.bytes
    let footer = file.count - 64
    func number(_ position: Int) -> Int {
      Int(
        truncatingIfNeeded: bytes.loadUnaligned(
          fromByteOffset: footer + 8 * position, as: Int64.self))
    }
    let (count, width, keyCount) = (number(1), number(2), number(3))
    guard bytes[footer..<footer + 8].elementsEqual(Self.magic), count > 0, width > 0, keyCount > 0,
      count < 1 << 40, width < 1 << 20, keyCount < 1 << 20
    else { return nil }
    let tables = count * width * 4
    let keyStart = tables + count * 8
    guard keyStart + keyCount == footer,
      bytes[keyStart..<footer].elementsEqual(Array(key.utf8)), let base = bytes.baseAddress,
      Int(crc32(UnsafeRawBufferPointer(rebasing: bytes[..<footer]))) == number(4)
    else { return nil }
    labels = (0..<count).map {
      bytes.loadUnaligned(fromByteOffset: tables + $0 * 4, as: Int32.self)
    }
    indices = (0..<count).map {
      bytes.loadUnaligned(fromByteOffset: tables + (count + $0) * 4, as: Int32.self)
    }
    if let truth {
      let isOfSplit = zip(labels, indices).allSatisfy { label, index in
        truth.indices.contains(Int(index)) && truth[Int(index)] == label
      }
      guard isOfSplit else { return nil }
    }
    featureCount = width
    self.file = file
    values = UnsafeBufferPointer(
      start: base.assumingMemoryBound(to: Float.self), count: count * width)
  }

  /// Writes a feature file under its content key, taking the numbers block by block.
  public static func write(
    blocks: Int, block: (Int) -> [Float], labels: [Int32], indices: [Int32], featureCount: Int,
    key: String, to path: String
  ) throws(FileError) {
    try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
      var checksum: UInt32 = 0
      for number in 0..<blocks {
        let values = block(number)
        checksum = values.withUnsafeBytes { crc32($0, startingFrom: checksum) }
        try writer.append(values)
      }
      var tail: [UInt8] = []
      for table in [labels, indices] { table.withUnsafeBytes { tail += Array($0) } }
      tail += Array(key.utf8)
      checksum = tail.withUnsafeBytes { crc32($0, startingFrom: checksum) }
      tail += magic
      for number in [labels.count, featureCount, key.utf8.count, Int(checksum)] {
        tail += withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
      }
      try writer.append(tail + [UInt8](repeating: 0, count: 24))
    }
  }
}
