import CounterRandom
import Geometry
import TensorCore

/// The regions of one image that a box head is trained on: positives first, then negatives.
///
/// The objects' own boxes are put before the proposals as sure positives.
struct RegionSample {
  /// The object that a positive region belongs to.
  struct Match {
    /// Its position in the image's target.
    let object: Int
    let label: Int
    let box: CornerBox
  }

  /// Position of the image in the batch.
  let image: Int
  /// Positives and negatives.
  let boxes: [CornerBox]
  /// The objects of the positives.
  let matches: [Match]
  /// Whether a region is an object's own box.
  let isObject: [Bool]

  init(
    proposals: [CornerBox], target: DetectionTarget, image: Int,
    stage: DetectorConfiguration.Stage, sampler: RandomSampler, stream: inout RandomStream
  ) {
    self.image = image
    let objectCount = target.count
    let candidates = target.boxes + proposals
    let assigned =
      (0..<objectCount).map { Int32($0 + 1) }
      + stage.assigner.assign(proposals, objects: target.boxes)
    let chosen = sampler.sample(assigned, stream: &stream)
    let order = chosen.positives + chosen.negatives
    boxes = order.map { candidates[$0] }
    isObject = order.map { $0 < objectCount }
    matches = chosen.positives.map { index in
      let object = Int(assigned[index]) - 1
      return Match(object: object, label: target.labels[object], box: target.boxes[object])
    }
  }

  /// The boxes with their image.
  var regions: [Region] { boxes.map { Region(image: image, box: $0) } }

  /// The class of every region.
  func labels(background: Int) -> [Int] {
    matches.map(\.label)
      + [Int](repeating: background, count: boxes.count - matches.count)
  }
}
