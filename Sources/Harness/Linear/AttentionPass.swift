import CommandLine
import Loading
import Models
import Reporting
import TensorCore
import VisionData

/// Where a frozen backbone looks in a few images of the validation data.
struct AttentionPass {
  let backbone: any Backbone
  let folder: ImageFolder
  /// How the images are seen.
  let transform: EvaluationTransform
  let normalization: PixelNormalization
  let policy: BadImagePolicy

  /// Maps of some images.
  ///
  /// - Returns: Nil without an image.
  /// - Throws: What loading throws; `InterruptedError`.
  func callAsFunction(_ order: [Int]) throws -> RunAttention? {
    guard !order.isEmpty else { return nil }
    let loader = BatchLoader(
      folder: folder, order: order, transforms: [transform], normalization: normalization,
      batchSize: 1, seed: 0, epoch: 0, policy: policy)
    var images: [RunAttention.Image] = []
    while let batch = try loader.next() {
      try Interruption.check()
      guard let index = batch.indices.first else { continue }
      let maps = withoutGradients { backbone.attentionMaps(batch.images) }
      images.append(
        RunAttention.Image(
          index: index,
          maps: maps.map { map in
            let shape = map.values.shape
            return RunAttention.Map(
              title: map.title, headCount: shape[1], rows: shape[2], columns: shape[3],
              values: map.values.values)
          }))
    }
    return RunAttention(
      view: RunAttention.View(
        shorterSide: transform.resizeSize, crop: transform.cropSize,
        filter: transform.filter.rawValue), images: images)
  }
}
