import CommandLine
import FileSupport
import Foundation
import Models
import TensorCore
import VisionData

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

  /// Some rows as a tensor.
  public func rows(_ rows: some Collection<Int>) -> Tensor {
    Tensor(shape: [rows.count, featureCount]) { target in
      for (place, row) in rows.enumerated() {
        _ = target[(place * featureCount)...].update(
          fromContentsOf: values[row * featureCount..<(row + 1) * featureCount])
      }
    }
  }

  // Numbers first, so that they can be written as they come: [count, width] floats, labels,
  // indices, key, and 64 bytes that say how long each part is.
  private static let magic = Array("SWINFEA2".utf8)

  /// Opens a feature file, or nil when it is missing, damaged or of other content.
  ///
  /// - Parameter truth: The class of every image of the split; a row that says another is damaged.
  init?(path: String, key: String, truth: [Int32]) {
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
      bytes[keyStart..<footer].elementsEqual(Array(key.utf8)), let base = bytes.baseAddress
    else { return nil }
    labels = (0..<count).map {
      bytes.loadUnaligned(fromByteOffset: tables + $0 * 4, as: Int32.self)
    }
    indices = (0..<count).map {
      bytes.loadUnaligned(fromByteOffset: tables + (count + $0) * 4, as: Int32.self)
    }
    let isOfSplit = zip(labels, indices).allSatisfy { label, index in
      truth.indices.contains(Int(index)) && truth[Int(index)] == label
    }
    guard isOfSplit else { return nil }
    featureCount = width
    self.file = file
    values = UnsafeBufferPointer(
      start: base.assumingMemoryBound(to: Float.self), count: count * width)
  }

  /// Writes a feature file under its content key, taking the numbers block by block.
  static func write(
    blocks: Int, block: (Int) -> [Float], labels: [Int32], indices: [Int32], featureCount: Int,
    key: String, to path: String
  ) throws(FileError) {
    try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
      for number in 0..<blocks { try writer.append(block(number)) }
      var tail: [UInt8] = []
      for table in [labels, indices] { table.withUnsafeBytes { tail += Array($0) } }
      tail += Array(key.utf8) + magic
      for number in [labels.count, featureCount, key.utf8.count] {
        tail += withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
      }
      try writer.append(tail + [UInt8](repeating: 0, count: 32))
    }
  }
}

/// Computes the features of a split, or finds them where an earlier run left them.
///
/// They are computed in shards that are kept as they are finished, so that a killed run loses
/// minutes at most, and memory holds one shard.
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
  ///   - label: What the progress line says.
  func features(
    _ split: ImageFolder, order: [Int], manifest: String, transform: EvaluationTransform,
    label: String
  ) throws -> FeatureMatrix {
    let selection =
      order.count == split.count
      ? "all" : SHA256.digest(order.map(String.init).joined(separator: ","))
    let key = [
      "features 1", weightsHash, backbone.architecture.name, transform.summary,
      PixelNormalization.imageNet.summary, manifest, selection,
    ].joined(separator: "\n")
    let path = folder + "/" + SHA256.digest(key).prefix(32) + ".features"
    // Features kept without the damaged images are no answer for who wants to stop at one.
    if let known = FeatureMatrix(path: path, key: key, truth: split.labels),
      known.count == order.count || policy == .skip
    {
      return known
    }
    let shards = stride(from: 0, to: order.count, by: Self.shardSize).map { start in
      (start: start, end: min(order.count, start + Self.shardSize))
    }
    let progress = ProgressReporter(label, total: order.count, unit: "images")
    var parts: [FeatureMatrix] = []
    for (number, shard) in shards.enumerated() {
      let shardKey = "\(key)\nshard \(number) of \(shards.count)"
      if let part = try features(
        split, order: Array(order[shard.start..<shard.end]), transform: transform, key: shardKey,
        path: path + ".shard\(number)", progress: progress)
      {
        parts.append(part)
      }
    }
    progress.finish()
    guard !parts.isEmpty else {
      throw DatasetError(
        path: split.root, problem: "has no image that can be decoded",
        remedy: "run bench-data check on it")
    }
    // A repaired image has another size, so the manifest's hash gives it another key.
    try FeatureMatrix.write(
      blocks: parts.count, block: { Array(parts[$0].values) },
      labels: parts.flatMap(\.labels), indices: parts.flatMap(\.indices),
      featureCount: backbone.featureCount, key: key, to: path)
    for number in shards.indices { unlink(path + ".shard\(number)") }
    guard let written = FeatureMatrix(path: path, key: key, truth: split.labels) else {
      throw FileError(
        path: path, problem: "could not be read back", remedy: "check the disk",
        exitCode: .cannotWrite)
    }
    return written
  }

  /// Images whose features are lost at most when the program is killed.
  private static let shardSize = 4096

  /// The features of one shard, kept in a file of its own until all are there; nil when none of
  /// its images can be decoded.
  private func features(
    _ split: ImageFolder, order: [Int], transform: EvaluationTransform, key: String, path: String,
    progress: ProgressReporter
  ) throws -> FeatureMatrix? {
    if let known = FeatureMatrix(path: path, key: key, truth: split.labels),
      known.count == order.count || policy == .skip
    {
      progress.advance(by: order.count)
      return known
    }
    let loader = BatchLoader(
      folder: split, order: order, transforms: [transform], batchSize: batchSize,
      seed: 0, epoch: 0, policy: policy)
    var rows: [[Float]] = []
    var labels: [Int32] = []
    var indices: [Int32] = []
    backbone.dropPath = nil
    while let batch = try loader.next() {
      try Interruption.check()
      rows.append(withoutGradients { backbone.features(batch.images) }.values)
      labels += batch.labels.map(Int32.init)
      indices += batch.indices.map(Int32.init)
      progress.advance(by: batch.labels.count)
    }
    for error in loader.skipped { Console.error("skipped \(error.name): \(error.problem)") }
    guard !labels.isEmpty else { return nil }
    try FeatureMatrix.write(
      blocks: rows.count, block: { rows[$0] }, labels: labels, indices: indices,
      featureCount: backbone.featureCount, key: key, to: path)
    return FeatureMatrix(path: path, key: key, truth: split.labels)
  }
}
