import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import TensorCore

/// A linear probe between two epochs: classifiers, curves, and the best epoch so far.
struct ProbeState {
  /// Classifiers that learn from all training images, one a learning rate.
  let heads: [LinearHead]
  /// Their twins that do without the held-out images; empty when nothing is chosen.
  let twins: [LinearHead]
  /// Finished epochs.
  private(set) var epoch = 0
  /// Top-1 by epoch for each learning rate, on validation and on held-out images.
  private(set) var curves: [[Double]]
  private(set) var heldOutCurves: [[Double]]
  /// Training loss by epoch.
  private(set) var losses: [Double] = []
  /// Each classifier's weights at its twin's best epoch.
  private var best: [[Float]]
  private var bestEpochs: [Int]

  init(heads: [LinearHead], twins: [LinearHead]) {
    self.heads = heads
    self.twins = twins
    curves = heads.map { _ in [] }
    heldOutCurves = heads.map { _ in [] }
    best = heads.map { _ in [] }
    bestEpochs = heads.map { _ in 0 }
  }

  mutating func finishEpoch(
    loss: Double, validation: FeatureMatrix, train: FeatureMatrix, heldOut: [Int], classCount: Int
  ) {
    epoch += 1
    losses.append(loss)
    for (index, head) in heads.enumerated() {
      let hasDiverged = head.divergedStep != nil
      curves[index].append(
        hasDiverged ? 0 : Self.score(head.records(validation), classCount).top1)
      var isBest = !hasDiverged
      if !twins.isEmpty {
        let top1 = Self.score(twins[index].records(train, rows: heldOut), classCount).top1
        isBest = !hasDiverged && top1 > (heldOutCurves[index].max() ?? -1)
        heldOutCurves[index].append(hasDiverged ? 0 : top1)
      }
      if isBest {
        best[index] = head.layer.weight.values + (head.layer.bias?.values ?? [])
        bestEpochs[index] = epoch
      }
    }
  }

  private static func score(
    _ records: [ClassificationRecord], _ classCount: Int
  ) -> ClassificationScore {
    var score = ClassificationScore(classCount: classCount)
    for record in records { score.add(record) }
    return score
  }

  /// The chosen learning rate's outcome.
  func outcome(
    seed: Int, selects: Bool, validation: FeatureMatrix, classCount: Int
  ) -> LinearOutcome {
    // The best held-out accuracy; the first of equal ones.
    let chosen =
      selects
      ? heldOutCurves.indices.max {
        ((heldOutCurves[$0].max() ?? 0), -$0) < ((heldOutCurves[$1].max() ?? 0), -$1)
      } ?? 0 : 0
    let head = heads[chosen]
    Self.load(best[chosen], into: head)
    let records = head.records(validation)
    return LinearOutcome(
      seed: seed, learningRate: head.learningRate, selectedEpoch: bestEpochs[chosen],
      records: records, score: Self.score(records, classCount), curve: curves[chosen],
      heldOutCurve: heldOutCurves[chosen], lossCurve: losses)
  }

  private static func load(_ values: [Float], into head: LinearHead) {
    let weight = head.layer.weight
    guard values.count >= weight.elementCount else { return }
    values.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      weight.pointer.update(from: base, count: weight.elementCount)
      if let bias = head.layer.bias, values.count == weight.elementCount + bias.elementCount {
        bias.pointer.update(from: base + weight.elementCount, count: bias.elementCount)
      }
    }
  }

  // MARK: Resume

  private func tensors() -> [(key: String, shape: [Int], values: [Float])] {
    var list: [(key: String, shape: [Int], values: [Float])] = []
    for (name, group) in [("head", heads), ("twin", twins)] {
      for (index, head) in group.enumerated() {
        for (key, tensor) in head.state {
          list.append(("\(name).\(index).\(key)", tensor.shape, tensor.values))
        }
      }
    }
    for (index, values) in best.enumerated() {
      list.append(("best.\(index)", [values.count], values))
    }
    return list
  }

  /// Writes the state aside and renames it into place.
  func save(to path: String, key: String) throws(FileError) {
    func list(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
    let progress = JSONValue.object([
      "epoch": .integer(epoch), "losses": list(losses), "curves": .array(curves.map(list)),
      "heldOut": .array(heldOutCurves.map(list)),
      "bestEpochs": .array(bestEpochs.map { .integer($0) }),
    ])
    try CheckpointWriter.write(
      tensors(), metadata: [("key", key), ("progress", progress.text())], to: path)
  }

  /// Takes over a state saved under the same key; anything else is left alone.
  mutating func restore(from path: String, key: String) {
    guard let file = try? CheckpointFile(path: path), file.metadata["key"] == key,
      let progress = JSONValue(parsing: Array((file.metadata["progress"] ?? "").utf8)),
      let finished = progress["epoch"]?.intValue
    else { return }
    func list(_ value: JSONValue?) -> [Double] {
      value?.arrayValue?.map { $0.doubleValue ?? .nan } ?? []
    }
    let stored = Dictionary(
      file.entries.map { ($0.key, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    for (name, group) in [("head", heads), ("twin", twins)] {
      for (index, head) in group.enumerated() {
        for (key, tensor) in head.state {
          guard let source = stored["\(name).\(index).\(key)"], source.shape == tensor.shape else {
            return
          }
          for (i, value) in source.floats().enumerated() { tensor.pointer[i] = value }
        }
      }
    }
    epoch = finished
    losses = list(progress["losses"])
    curves = progress["curves"]?.arrayValue?.map(list) ?? curves
    heldOutCurves = progress["heldOut"]?.arrayValue?.map(list) ?? heldOutCurves
    bestEpochs = progress["bestEpochs"]?.arrayValue?.map { $0.intValue ?? 0 } ?? bestEpochs
    best = best.indices.map { stored["best.\($0)"]?.floats() ?? [] }
  }
}
