import CommandLine
import FileSupport
import Layers
import Loading
import Models
import Processes
import TensorCore
import VisionData

/// Features of images, with the class and the position of each.
struct LabelledFeatures {
  /// `[count, featureCount]`.
  var values: [Float] = []
  var labels: [Int32] = []
  var indices: [Int32] = []

  /// Those of all ranks, in their order.
  ///
  /// - Throws: What communication throws.
  func gathered(by ranks: any Communicator) throws -> LabelledFeatures {
    guard ranks.size > 1 else { return self }
    func all<Number: BitwiseCopyable>(_ own: [Number]) throws -> [Number] {
      try ranks.gatherBytes(own.withUnsafeBytes { Array($0) }).flatMap { bytes in
        bytes.withUnsafeBytes { Array($0.bindMemory(to: Number.self)) }
      }
    }
    return LabelledFeatures(
      values: try all(values), labels: try all(labels), indices: try all(indices))
  }
}

/// A pass of a backbone over images as a test sees them; several processes share them.
struct FeaturePass {
  let backbone: any Backbone
  let folder: ImageFolder
  let transform: any ImageTransform
  var normalization = PixelNormalization.imageNet
  let batchSize: Int
  let policy: BadImagePolicy
  /// What it means that the features of the image at a path are no numbers.
  var fault: (_ path: String) -> any ReportableError = { Self.brokenFeatures(of: $0) }

  private static func brokenFeatures(of path: String) -> DatasetError {
    DatasetError(
      path: path, problem: "gives features that are not finite numbers with this backbone",
      remedy: "check the checkpoint, and the --mean and --std of its pixels")
  }

  /// The features of images as a test sees them, `[B, featureCount]`.
  ///
  /// - Parameters:
  ///   - images: `[B, 3, S, S]`.
  ///   - fault: What it means that they are no numbers.
  ///   - path: Where the image of a row lies.
  /// - Throws: `fault`, which is a `DatasetError` where nothing else is said.
  static func features(
    of images: Tensor, by backbone: any Backbone,
    fault: (String) -> any ReportableError = brokenFeatures, path: (Int) -> String
  ) throws -> Tensor {
    let kept = backbone.dropPath
    backbone.dropPath = nil
    defer { backbone.dropPath = kept }
    let features = withoutGradients { backbone.features(images) }
    if let place = features.values.firstIndex(where: { !$0.isFinite }) {
      throw fault(path(place / backbone.featureCount))
    }
    return features
  }

  /// The features of some images, in order, and what was left out.
  ///
  /// - Parameter done: Called with the images of each batch of this process.
  /// - Throws: What loading throws; `fault` for an image whose features are no numbers.
  func callAsFunction(
    _ order: [Int], done: (Int) -> Void = { _ in }
  ) throws -> (features: LabelledFeatures, skipped: [String]) {
    let ranks = Processes.current
    let loader = BatchLoader(
      folder: folder, order: Array(order[ranks.share(of: order.count)]), transforms: [transform],
      normalization: normalization, batchSize: batchSize, seed: 0, epoch: 0, policy: policy)
    var own = LabelledFeatures()
    while let batch = try loader.next() {
      try Interruption.check()
      own.values += try Self.features(of: batch.images, by: backbone, fault: fault) { row in
        folder.path(batch.indices[row])
      }.values
      own.labels += batch.labels.map(Int32.init)
      own.indices += batch.indices.map(Int32.init)
      done(batch.labels.count)
    }
    let skipped = loader.skipped.map { "\($0.name): \($0.problem)" }.joined(separator: "\n")
    return (
      try own.gathered(by: ranks),
      try ranks.gatherBytes(Array(skipped.utf8)).flatMap {
        String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init)
      }
    )
  }
}
