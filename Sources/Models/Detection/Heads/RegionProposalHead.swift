import Geometry
import Layers
import TensorCore

/// The region proposal network: objectness and box deltas of every anchor, on every level alike.
///
/// Shapes: `A` anchors a cell.
/// - in: maps `[B, Hᵢ, Wᵢ, C]`
/// - out: logits `[B, Hᵢ, Wᵢ, A]` and deltas `[B, Hᵢ, Wᵢ, 4A]` a level; channel 4a + k is number k
///   of anchor a
///
/// State keys: `rpn_conv.*`, `rpn_cls.*`, `rpn_reg.*`. Initialisation: normal 0.01, biases 0.
///
/// Source: Ren et al., Faster R-CNN, 2015.
final class RegionProposalHead: Module {
  private let hidden: Convolution3x3
  private let objectness: Convolution1x1
  private let regression: Convolution1x1
  private let configuration: DetectorConfiguration

  /// The outputs of one level.
  struct Level {
    let logits: Tensor
    let deltas: Tensor
    var height: Int { logits.shape[1] }
    var width: Int { logits.shape[2] }
  }

  init(_ configuration: DetectorConfiguration, key: String, initializer: Initializer) {
    self.configuration = configuration
    let (channels, shapes) = (configuration.channels, configuration.anchors.shapeCount)
    func normal(_ shape: [Int], _ name: String) -> Tensor {
      initializer.normal(shape, key: key + name, deviation: 0.01)
    }
    hidden = Convolution3x3(weight: normal([channels, channels, 3, 3], "rpn_conv.weight"))
    objectness = Convolution1x1(weight: normal([shapes, channels, 1, 1], "rpn_cls.weight"))
    regression = Convolution1x1(weight: normal([4 * shapes, channels, 1, 1], "rpn_reg.weight"))
  }

  func callAsFunction(_ maps: [Tensor]) -> [Level] {
    maps.map { map in
      let shared = hidden.rectified(map)
      return Level(logits: objectness(shared), deltas: regression(shared))
    }
  }

  /// The anchors of every level's map.
  func anchors(_ levels: [Level]) -> [[CornerBox]] {
    levels.enumerated().map { number, level in
      configuration.anchors.anchors(level: number, height: level.height, width: level.width)
    }
  }

  /// The proposals of every image.
  func proposals(
    _ levels: [Level], anchors: [[CornerBox]], sizes: [DetectionBatch.Size],
    selection: ProposalSelection
  ) -> [[CornerBox]] {
    sizes.indices.map { image in
      let outputs = levels.indices.map { number in
        ProposalSelection.Level(
          logits: selectedRows(levels[number].logits, [image]),
          deltas: selectedRows(levels[number].deltas, [image]), anchors: anchors[number])
      }
      return selection.proposals(outputs, within: sizes[image])
    }
  }

  // MARK: Training

  /// Objectness and regression losses, both over the number of sampled anchors.
  ///
  /// Each image counts at least one positive and one negative in that number.
  func losses(
    _ levels: [Level], anchors: [[CornerBox]], batch: DetectionBatch, draws: DetectionDraws
  ) -> (objectness: Tensor, regression: Tensor) {
    var picked = levels.map { _ in PickedAnchors() }
    var sampleCount = 0
    for image in 0..<batch.count {
      let chosen = sample(image, levels, anchors, batch, draws)
      sampleCount += max(1, chosen.positives.count) + max(1, chosen.negatives.count)
      for (place, target) in chosen.positives {
        let at = image * anchors[place.level].count + place.index
        let delta = BoxCoder().encode(target, relativeTo: anchors[place.level][place.index])
        picked[place.level].add(at, delta)
      }
      for place in chosen.negatives {
        picked[place.level].addBackground(image * anchors[place.level].count + place.index)
      }
    }
    var objectness: [Tensor] = []
    var regression: [Tensor] = []
    for (level, picked) in zip(levels, picked) {
      if !picked.places.isEmpty {
        let count = level.logits.elementCount
        objectness.append(
          binaryCrossEntropyWithLogits(
            gathered(level.logits.reshaped(to: [count, 1]), rows: picked.places),
            targets: Tensor(picked.targets, shape: [picked.targets.count, 1]),
            normalizer: Float(sampleCount)))
      }
      let count = level.deltas.elementCount / 4
      let chosen = gathered(level.deltas.reshaped(to: [count, 4]), rows: picked.positives)
      let targets = Tensor(picked.deltas, shape: chosen.shape)
      regression.append(
        configuration.anchorBeta > 0
          ? smoothL1Loss(
            chosen, targets: targets, beta: configuration.anchorBeta,
            normalizer: Float(sampleCount))
          : l1Loss(chosen, targets: targets, normalizer: Float(sampleCount)))
    }
    return (total(objectness), total(regression))
  }

  private struct Place {
    let level: Int
    let index: Int
  }

  /// What one level contributes: rows of its outputs, and what they should be.
  private struct PickedAnchors {
    var places: [Int] = []
    var targets: [Float] = []
    var positives: [Int] = []
    var deltas: [Float] = []

    mutating func add(_ place: Int, _ delta: SIMD4<Float>) {
      places.append(place)
      targets.append(1)
      positives.append(place)
      deltas += [delta.x, delta.y, delta.z, delta.w]
    }

    mutating func addBackground(_ place: Int) {
      places.append(place)
      targets.append(0)
    }
  }

  private func sample(
    _ image: Int, _ levels: [Level], _ anchors: [[CornerBox]], _ batch: DetectionBatch,
    _ draws: DetectionDraws
  ) -> (positives: [(Place, CornerBox)], negatives: [Place]) {
    var places: [Place] = []
    var boxes: [CornerBox] = []
    for (number, level) in levels.enumerated() {
      let flags = configuration.anchors.admissible(
        level: number, map: (level.height, level.width), padded: batch.paddedSizes[image],
        size: batch.sizes[image], border: configuration.anchorBorder)
      for (index, isAdmissible) in flags.enumerated() where isAdmissible {
        places.append(Place(level: number, index: index))
        boxes.append(anchors[number][index])
      }
    }
    let objects = batch.targets[image].boxes
    let assigned = configuration.anchorAssigner.assign(boxes, objects: objects)
    var stream = draws.stream(image: image, sampler: 0)
    let chosen = configuration.anchorSampler.sample(assigned, stream: &stream)
    return (
      chosen.positives.map { (places[$0], objects[Int(assigned[$0]) - 1]) },
      chosen.negatives.map { places[$0] }
    )
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    hidden.visitParameters(prefix + "rpn_conv.", visit)
    objectness.visitParameters(prefix + "rpn_cls.", visit)
    regression.visitParameters(prefix + "rpn_reg.", visit)
  }
}

/// The sum of tensors of one element; 0 when there are none.
func total(_ parts: [Tensor]) -> Tensor {
  guard let first = parts.first else { return Tensor(zeros: [1]) }
  return parts.dropFirst().reduce(first) { add($0, $1) }
}
