import Geometry
import TensorCore
import Threads

/// The losses of one training step by mmdet's names.
public struct DetectionLosses {
  /// Name and value, `[1]` each, in mmdet's order.
  public let terms: [(name: String, value: Tensor)]

  /// The sum of all terms.
  public var sum: Tensor { total(terms.map(\.value)) }
}

extension Detector {
  /// The losses of a batch with targets.
  ///
  /// Names: `loss_rpn_cls`, `loss_rpn_bbox`, then `loss_cls`, `loss_bbox` and `loss_mask`, in a
  /// cascade once a stage with `s0.` and so on before them.
  ///
  /// - Parameter draws: Where the choice of anchors and regions comes from.
  /// - Precondition: the batch has targets.
  public func losses(_ batch: DetectionBatch, draws: DetectionDraws) -> DetectionLosses {
    precondition(batch.targets.count == batch.count, "training needs one target an image")
    setTraining(true)
    let maps = pyramidMaps(batch.images)
    let levels = proposalHead(maps)
    let anchors = proposalHead.anchors(levels)
    let (objectness, regression) = proposalHead.losses(
      levels, anchors: anchors, batch: batch, draws: draws)
    var terms = [(name: "loss_rpn_cls", value: objectness), ("loss_rpn_bbox", regression)]
    let features = RegionFeatures(maps: maps, strides: configuration.anchors.strides)
    var proposals = proposalHead.proposals(
      levels, anchors: anchors, sizes: batch.sizes,
      selection: configuration.trainingProposals.droppingEmpty(dropsEmptyProposals))
    for number in configuration.stages.indices {
      let samples = (0..<batch.count).map { image in
        var stream = draws.stream(image: image, sampler: number + 1)
        return RegionSample(
          proposals: proposals[image], target: batch.targets[image], image: image,
          stage: configuration.stages[number], sampler: configuration.regionSampler,
          stream: &stream)
      }
      let (stageTerms, logits, deltas) = stageLosses(
        number, samples: samples, features: features, batch: batch)
      let prefix = configuration.isCascade ? "s\(number)." : ""
      terms += stageTerms.map { (prefix + $0.name, $0.value) }
      guard number + 1 < configuration.stages.count else { break }
      proposals = refined(
        samples, stage: number, logits: logits, deltas: deltas, sizes: batch.sizes)
    }
    return DetectionLosses(terms: terms)
  }

  private func stageLosses(
    _ number: Int, samples: [RegionSample], features: RegionFeatures, batch: DetectionBatch
  ) -> (terms: [(name: String, value: Tensor)], logits: Tensor, deltas: Tensor) {
    let stage = configuration.stages[number]
    let weight = stage.lossWeight
    let regions = samples.flatMap(\.regions)
    let (logits, deltas) = boxHeads[number](
      features.pooled(regions, size: BoxHead.inputSize))
    let labels = samples.flatMap { $0.labels(background: configuration.classCount) }
    let classification = scaled(crossEntropy(logits, targets: labels), by: weight)
    let box = boxLoss(deltas, samples: samples, stage: stage, count: regions.count)
    let mask = maskLoss(number, samples: samples, features: features, batch: batch)
    return (
      [
        ("loss_cls", classification), ("loss_bbox", scaled(box, by: weight)),
        ("loss_mask", scaled(mask, by: weight)),
      ], logits, deltas
    )
  }

  /// Over the positives, divided by the number of all regions.
  private func boxLoss(
    _ deltas: Tensor, samples: [RegionSample], stage: DetectorConfiguration.Stage, count: Int
  ) -> Tensor {
    // Class k of region n is row n · K + k.
    var rows: [Int] = []
    var boxes: [CornerBox] = []
    var targets: [CornerBox] = []
    var first = 0
    for sample in samples {
      for (position, match) in sample.matches.enumerated() {
        rows.append((first + position) * configuration.classCount + match.label)
        boxes.append(sample.boxes[position])
        targets.append(match.box)
      }
      first += sample.boxes.count
    }
    let rowCount = deltas.elementCount / 4
    let picked = gathered(deltas.reshaped(to: [rowCount, 4]), rows: rows)
    switch configuration.boxLoss {
    case .absolute:
      let encoded = zip(boxes, targets).flatMap { box, target -> [Float] in
        let delta = stage.coder.encode(target, relativeTo: box)
        return [delta.x, delta.y, delta.z, delta.w]
      }
      return l1Loss(
        picked, targets: Tensor(encoded, shape: picked.shape), normalizer: Float(count))
    case .generalizedIoU(let weight):
      let predicted = stage.coder.decoded(proposals: boxes.map(\.corners), deltas: picked)
      return generalizedIoULoss(
        predicted, targets: targets.map(\.corners), normalizer: Float(count) / weight)
    }
  }

  /// The mean over the pixels of the positives, on the channel of their class; objects without a
  /// mask teach boxes only.
  private func maskLoss(
    _ number: Int, samples: [RegionSample], features: RegionFeatures, batch: DetectionBatch
  ) -> Tensor {
    let known = samples.flatMap { sample in
      zip(sample.regions, sample.matches).compactMap { region, match in
        batch.targets[region.image].masks[match.object].map {
          (region: region, label: match.label, mask: $0)
        }
      }
    }
    guard !known.isEmpty else { return Tensor(zeros: [1]) }
    let regions = known.map(\.region)
    let logits = selectedChannels(
      maskHeads[number](features.pooled(regions, size: MaskHead.inputSize)),
      known.map(\.label))
    let side = MaskHead.outputSize
    let targets = [Float](unsafeUninitializedCapacity: regions.count * side * side) { out, filled in
      filled = regions.count * side * side
      nonisolated(unsafe) let out = out.baseAddress
      ThreadPool.shared.forEach(regions.count) { index in
        guard let out else { return }
        let image = regions[index].image
        MaskTargets(size: side).write(
          known[index].mask, region: regions[index].box,
          padded: batch.paddedSizes[image], to: out + index * side * side)
      }
    }
    return binaryCrossEntropyWithLogits(
      logits, targets: Tensor(targets, shape: logits.shape), normalizer: Float(targets.count))
  }

  /// The boxes that the next stage starts from: those of this stage's regions, without the objects'
  /// own boxes that were put among them.
  ///
  /// A positive moves by its object's class, a negative by its best foreground class.
  private func refined(
    _ samples: [RegionSample], stage: Int, logits: Tensor, deltas: Tensor,
    sizes: [DetectionBatch.Size]
  ) -> [[CornerBox]] {
    var row = 0
    return samples.map { sample in
      var boxes: [CornerBox] = []
      for (position, box) in sample.boxes.enumerated() {
        defer { row += 1 }
        if sample.isObject[position] { continue }
        let label =
          position < sample.matches.count
          ? sample.matches[position].label : bestForeground(logits, row: row)
        boxes.append(refinedBox(box, stage, deltas, row, label, sizes[sample.image]))
      }
      return boxes
    }
  }

  /// The best class but the background of one row of logits; the first of equal ones.
  func bestForeground(_ logits: Tensor, row: Int) -> Int {
    logits.withRow(row) { scores in
      var best = 0
      for label in 1..<max(1, configuration.classCount) where scores[label] > scores[best] {
        best = label
      }
      return best
    }
  }

  /// One region moved by the deltas of one class and clipped to the image.
  func refinedBox(
    _ box: CornerBox, _ stage: Int, _ deltas: Tensor, _ row: Int, _ label: Int,
    _ size: DetectionBatch.Size
  ) -> CornerBox {
    deltas.withValues {
      configuration.stages[stage].coder.decode(
        $0, at: row * configuration.classCount + label, relativeTo: box, within: size)
    }
  }
}
