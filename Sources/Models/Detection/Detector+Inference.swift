import Foundation
import Geometry
import TensorCore
import Threads

/// One found object.
public struct Detection: Sendable, Equatable {
  /// Its box in the original image's pixels.
  public let box: CornerBox
  /// Its class, 0-based.
  public let label: Int
  /// How sure the detector is, 0...1.
  public let score: Float
  /// Its pixels in the original image.
  public let mask: RunLengthMask

  /// Joins box, class, score and mask.
  public init(box: CornerBox, label: Int, score: Float, mask: RunLengthMask) {
    self.box = box
    self.label = label
    self.score = score
    self.mask = mask
  }
}

extension Detector {
  /// Finds objects in one image of a batch of one, best first.
  ///
  /// - Parameters:
  ///   - batch: One image, resized and padded.
  ///   - original: Size of the image file; boxes and masks are in its pixels.
  /// - Returns: Nil where a score is no number: a broken network has not found nothing.
  public func detections(
    _ batch: DetectionBatch, original: DetectionBatch.Size
  ) -> [Detection]? {
    precondition(batch.count == 1, "detections take one image, got \(batch.count)")
    setTraining(false)
    backbone.dropPath = nil
    return withoutGradients {
      let size = batch.sizes[0]
      let maps = pyramidMaps(batch.images)
      let levels = proposalHead(maps)
      guard levels.allSatisfy({ areNumbers($0.logits) && areNumbers($0.deltas) }) else {
        return nil
      }
      let proposals = proposalHead.proposals(
        levels, anchors: proposalHead.anchors(levels), sizes: [size],
        selection: configuration.testProposals.droppingEmpty(dropsEmptyProposals))[0]
      let features = RegionFeatures(maps: maps, strides: configuration.anchors.strides)
      let scale = (
        x: Float(size.width) / Float(original.width), y: Float(size.height) / Float(original.height)
      )
      guard let found = boxes(proposals, features: features, size: size, scale: scale) else {
        return nil
      }
      let grids = maskGrids(found, features: features, scale: scale)
      guard areNumbers(grids) else { return nil }
      let side = MaskHead.outputSize
      var masks = [RunLengthMask?](repeating: nil, count: found.count)
      masks.withUnsafeMutableBufferPointer { masks in
        // Every piece writes to a place of its own.
        nonisolated(unsafe) let masks = masks
        nonisolated(unsafe) let grids = grids
        ThreadPool.shared.forEach(found.count) { index in
          masks[index] = grids.withRow(index) {
            MaskPasting.paste(
              $0, size: side, box: found[index].box, height: original.height,
              width: original.width)
          }
        }
      }
      return zip(found, masks).compactMap { candidate, mask in
        mask.map {
          Detection(box: candidate.box, label: candidate.label, score: candidate.score, mask: $0)
        }
      }
    }
  }

  private func areNumbers(_ outputs: Tensor) -> Bool {
    outputs.withValues { $0.allSatisfy { !$0.isNaN } }
  }

  private struct Candidate {
    let box: CornerBox
    let label: Int
    let score: Float
  }

  /// Runs the box heads and keeps the best boxes, in the original image's pixels; nil where a score
  /// is no number.
  private func boxes(
    _ proposals: [CornerBox], features: RegionFeatures, size: DetectionBatch.Size,
    scale: (x: Float, y: Float)
  ) -> [Candidate]? {
    guard !proposals.isEmpty else { return [] }
    var regions = proposals
    var summed: Tensor?
    var last: (boxes: [CornerBox], deltas: Tensor)?
    for number in configuration.stages.indices {
      let (logits, deltas) = boxHeads[number](
        features.pooled(
          regions.map { Region(image: 0, box: $0) }, size: BoxHead.inputSize))
      summed = summed.map { add($0, logits) } ?? logits
      last = (regions, deltas)
      guard number + 1 < configuration.stages.count else { break }
      regions = regions.enumerated().map { row, box in
        refinedBox(box, number, deltas, row, bestForeground(logits, row: row), size)
      }
    }
    guard let summed, let last else { return [] }
    let scores = softmax(scaled(summed, by: 1 / Float(configuration.stages.count)))
    guard areNumbers(scores), areNumbers(last.deltas) else { return nil }
    return selected(scores, regions: last.boxes, deltas: last.deltas, size: size, scale: scale)
  }

  /// Scores above the threshold, suppressed class by class at the original scale.
  private func selected(
    _ scores: Tensor, regions: [CornerBox], deltas: Tensor, size: DetectionBatch.Size,
    scale: (x: Float, y: Float)
  ) -> [Candidate] {
    let classCount = configuration.classCount
    let stage = configuration.stages.count - 1
    let scores = scores.values
    var candidates: [Candidate] = []
    for (row, region) in regions.enumerated() {
      for label in 0..<classCount {
        let score = scores[row * (classCount + 1) + label]
        guard score > configuration.scoreThreshold else { continue }
        let box = refinedBox(region, stage, deltas, row, label, size)
        candidates.append(
          Candidate(
            box: CornerBox(
              box.x1 / scale.x, box.y1 / scale.y, box.x2 / scale.x, box.y2 / scale.y),
            label: label, score: score))
      }
    }
    return suppressed(
      candidates.map(\.box), scores: candidates.map(\.score), classes: candidates.map(\.label),
      threshold: configuration.overlapThreshold, limit: configuration.detectionLimit
    ).map { candidates[$0] }
  }

  /// The probability grids of the boxes, `[N, 28, 28]`: of the class of each, the mean over stages.
  private func maskGrids(
    _ found: [Candidate], features: RegionFeatures, scale: (x: Float, y: Float)
  ) -> Tensor {
    let side = MaskHead.outputSize
    let grids = Tensor(zeros: [found.count, side, side])
    guard !found.isEmpty else { return grids }
    let pooled = features.pooled(
      found.map { Region(image: 0, box: $0.box.scaled(x: scale.x, y: scale.y)) },
      size: MaskHead.inputSize)
    for head in maskHeads {
      let logits = selectedChannels(head(pooled), found.map(\.label))
      addSigmoid(logits, to: grids)
    }
    scaleInPlace(grids, by: 1 / Float(maskHeads.count))
    return grids
  }
}
