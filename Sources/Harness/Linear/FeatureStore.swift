import Foundation
import Models

/// The features of every image of a split, with labels: a matrix mapped from a file.
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
  public let pointer: UnsafePointer<Float>

  /// Some rows as a tensor.
  public func rows(_ rows: some Collection<Int>) -> Tensor {
    let result = Tensor(uninitialized: [rows.count, featureCount])
    for (target, row) in rows.enumerated() {
      (result.pointer + target * featureCount).update(
        from: pointer + row * featureCount, count: featureCount)
    }
    return result
  }

  private static let magic = Array("SWINFEA1".utf8)

  /// Opens a feature file, or nil when it is missing, damaged or of other content.
  init?(path: String, key: String) {
    guard let file = try? FileBytes(path: path), file.count >= 64 else { return nil }
    let bytes = file.bytes
    func number(_ at: Int) -> Int {
      Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
    }
    let (count, width) = (number(8), number(16))
    guard bytes.prefix(8).elementsEqual(Self.magic), count > 0, width > 0, count < 1 << 40,
      width < 1 << 20
    else { return nil }
    let keyBytes = Array(key.utf8)
    let tables = 64 + keyBytes.count
    let offset = (tables + count * 8 + 63) / 64 * 64
    guard number(24) == keyBytes.count, file.count == offset + count * width * 4,
      bytes[64..<tables].elementsEqual(keyBytes), let base = bytes.baseAddress
    else { return nil }
    labels = (0..<count).map { bytes.loadUnaligned(fromByteOffset: tables + $0 * 4, as: Int32.self) }
    indices = (0..<count).map {
      bytes.loadUnaligned(fromByteOffset: tables + (count + $0) * 4, as: Int32.self)
    }
    featureCount = width
    self.file = file
    // The offset is a multiple of 64 and the mapping begins at a page.
    pointer = UnsafePointer((base + offset).assumingMemoryBound(to: Float.self))
  }

  /// Writes a feature file under its content key.
  static func write(
    rows: [[Float]], labels: [Int32], indices: [Int32], featureCount: Int, key: String,
    to path: String
  ) throws(FileError) {
    var header = magic
    for number in [labels.count, featureCount, key.utf8.count] {
      header += withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
    }
    header += [UInt8](repeating: 0, count: 64 - header.count) + Array(key.utf8)
    for table in [labels, indices] { table.withUnsafeBytes { header += Array($0) } }
    header += [UInt8](repeating: 0, count: (64 - header.count % 64) % 64)
    try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
      try writer.append(header)
      for batch in rows { try writer.append(batch) }
    }
  }
}

/// Computes the features of a split, or finds them where an earlier run left them.
struct FeatureStore {
  /// Where feature files lie; named by their content.
  let folder: String
  let backbone: any Backbone
  /// SHA-256 of the weights.
  let weightsHash: String
  let batchSize: Int
  let policy: BadImagePolicy

  /// The features of some images of a split under a test-time transform.
  ///
  /// - Parameters:
  ///   - split: The images.
  ///   - order: Which of them.
  ///   - transform: How they are seen; its summary is part of the content key.
  ///   - size: Side of the transformed images.
  ///   - label: What the progress line says.
  func features(
    _ split: ImageFolder, order: [Int], manifest: String, transform: EvaluationTransform,
    label: String
  ) throws -> FeatureMatrix {
    let selection = order.count == split.count ? "all" : SHA256.digest(order.map(String.init).joined(separator: ","))
    let key = [
      "features 1", weightsHash, backbone.architecture.name, transform.summary,
      PixelNormalization.imageNet.summary, manifest, selection,
    ].joined(separator: "\n")
    let path = folder + "/" + SHA256.digest(key).prefix(32) + ".features"
    // Features kept without the damaged images are no answer for who wants to stop at one.
    if let known = FeatureMatrix(path: path, key: key),
      known.count == order.count || policy == .skip
    {
      return known
    }
    let loader = BatchLoader(
      folder: split, order: order, transforms: [transform], size: transform.cropSize,
      batchSize: batchSize, seed: 0, epoch: 0, policy: policy)
    let progress = ProgressReporter(label, total: order.count, unit: "images")
    var rows: [[Float]] = []
    var labels: [Int32] = []
    var indices: [Int32] = []
    backbone.dropPath = nil
    while let batch = try loader.next() {
      try Interruption.check()
      let features = withoutGradients { backbone.features(batch.images) }
      rows.append(features.values)
      labels += batch.labels.map(Int32.init)
      indices += batch.indices.map(Int32.init)
      progress.advance(by: batch.labels.count)
    }
    progress.finish()
    guard !labels.isEmpty else {
      throw DatasetError(
        path: split.root, problem: "has no image that can be decoded",
        remedy: "run bench-data check on it")
    }
    for error in loader.skipped { Console.error("skipped \(error.name): \(error.problem)") }
    // A repaired image has another size, so the manifest's hash gives it another key.
    try FeatureMatrix.write(
      rows: rows, labels: labels, indices: indices, featureCount: backbone.featureCount, key: key,
      to: path)
    guard let written = FeatureMatrix(path: path, key: key) else {
      throw FileError(
        path: path, problem: "could not be read back", remedy: "check the disk",
        exitCode: .cannotWrite)
    }
    return written
  }
}
