import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Runs
import TensorCore
import VisionData

/// Computes the features of a split, or finds them where an earlier run left them.
///
/// They are computed in shards that are kept as they are finished, so that a killed run loses
/// minutes at most, and memory holds one shard.
struct FeatureStore {
  /// Where feature files lie; named by their content.
  let folder: String
  let backbone: any Backbone
  let batchSize: Int
  let policy: BadImagePolicy
  var normalization = PixelNormalization.imageNet
  /// Whether what an earlier run left is computed again.
  var isFresh = false
  /// SHA-256 of the weights as they are in the network: whatever file, branch or resizing they come
  /// from.
  private let weightsHash: String

  init(
    folder: String, backbone: any Backbone, batchSize: Int, policy: BadImagePolicy,
    normalization: PixelNormalization = .imageNet, isFresh: Bool = false
  ) {
    self.folder = folder
    self.backbone = backbone
    self.batchSize = batchSize
    self.policy = policy
    self.normalization = normalization
    self.isFresh = isFresh
    var hash = SHA256()
    let statistics = backbone.buffers.filter { !LoadReport.isComputed($0.key) }
    for (key, tensor) in backbone.parameters + statistics {
      hash.update("\(key) \(tensor.shape)\n")
      tensor.withValues { hash.update(UnsafeRawBufferPointer($0)) }
    }
    weightsHash = hash.finish()
  }

  /// The features of some images of a split under a test-time transform.
  ///
  /// - Parameters:
  ///   - split: The images.
  ///   - order: Which of them.
  ///   - manifest: The hash of their contents.
  ///   - transform: How they are seen; its summary is part of the content key.
  ///   - label: What the progress line says.
  func features(
    _ split: ImageFolder, order: [Int], manifest: String, transform: EvaluationTransform,
    label: String
  ) throws -> FeatureMatrix {
    let selection =
      order.count == split.count
      ? "all" : SHA256.digest(order.map(String.init).joined(separator: ","))
    // Who multiplies decides the bits as well.
    let arithmetic = Arithmetic.settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let key =
      ([
        "features 3", Command.version, weightsHash, "\(backbone.architecture)",
        backbone.featureSummary, transform.summary, normalization.summary, manifest, selection,
      ] + arithmetic).joined(separator: "\n")
    let path = folder + "/" + SHA256.digest(key).prefix(32) + ".features"
    // Features kept without the damaged images are no answer for who wants to stop at one.
    let known = kept(path, key: key, of: split, count: order.count)
    // Nobody writes before all have looked.
    try Processes.current.barrier()
    if let known { return known }
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
      throw DatasetError.noneDecodes(in: split.root)
    }
    // A repaired image has other contents, so the manifest's hash gives it another key.
    try FeatureMatrix.write(
      blocks: parts.count, block: { Array(parts[$0].values) },
      labels: parts.flatMap(\.labels), indices: parts.flatMap(\.indices),
      featureCount: backbone.featureCount, key: key, to: path)
    try Processes.current.barrier()
    for number in shards.indices { FileWriting.remove(path + ".shard\(number)") }
    guard let written = FeatureMatrix(path: path, key: key, truth: split.labels) else {
      throw FileError(
        path: path, problem: "could not be read back", remedy: "check the disk",
        exitCode: .cannotWrite)
    }
    return written
  }

  /// What an earlier run left, where it is an answer.
  private func kept(
    _ path: String, key: String, of split: ImageFolder, count: Int
  ) -> FeatureMatrix? {
    guard !isFresh, let known = FeatureMatrix(path: path, key: key, truth: split.labels),
      known.count == count || policy == .skip
    else { return nil }
    return known
  }

  /// Images whose features are lost at most when the program is killed.
  private static let shardSize = 4096

  /// The features of one shard, kept in a file of its own until all are there; nil when none of
  /// its images can be decoded.
  private func features(
    _ split: ImageFolder, order: [Int], transform: EvaluationTransform, key: String, path: String,
    progress: ProgressReporter
  ) throws -> FeatureMatrix? {
    if let known = kept(path, key: key, of: split, count: order.count) {
      progress.advance(by: order.count)
      return known
    }
    let pass = FeaturePass(
      backbone: backbone, folder: split, transform: transform, normalization: normalization,
      batchSize: batchSize, policy: policy)
    let (found, skipped) = try pass(order) { progress.advance(by: $0 * Processes.current.size) }
    for line in skipped { Console.error("skipped \(line)") }
    guard !found.labels.isEmpty else { return nil }
    try FeatureMatrix.write(
      blocks: 1, block: { _ in found.values }, labels: found.labels, indices: found.indices,
      featureCount: backbone.featureCount, key: key, to: path)
    // Who does not write reads what was written.
    try Processes.current.barrier()
    return FeatureMatrix(path: path, key: key, truth: split.labels)
  }
}
