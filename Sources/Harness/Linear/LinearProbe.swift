import Reporting
import CommandLine
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Models
import TensorCore
import VisionData

/// What one seed of a linear probe found.
struct LinearOutcome {
  let seed: Int
  /// The learning rate and the epoch (from 1) that were chosen, and how.
  let learningRate: Double
  let selectedEpoch: Int
  /// The answers of the chosen epoch's classifier, and its score.
  let records: [ClassificationRecord]
  let score: ClassificationScore
  /// Validation top-1 by epoch of the chosen learning rate.
  let curve: [Double]
  /// Held-out top-1 by epoch; empty when nothing was chosen.
  let heldOutCurve: [Double]
  /// Training loss by epoch.
  let lossCurve: [Double]

  var last: Double { curve.last ?? .nan }
  var best: Double { curve.max() ?? .nan }
}

/// Trains linear classifiers on a frozen backbone.
///
/// One classifier a learning rate learns from all training images and is scored. With several
/// rates a twin of each learns without the held-out images and is scored on those; rate and epoch
/// are the twin's best. Validation images decide nothing.
struct LinearProbe {
  let settings: LinearProtocol
  let backbone: any Backbone
  let split: ImageFolder
  let train: FeatureMatrix
  let validation: FeatureMatrix
  let classCount: Int
  let policy: BadImagePolicy
  /// Where an unfinished probe is kept, or nil.
  let checkpointPath: String?

  func run(seed: Int, label: String) throws -> LinearOutcome {
    let count = train.count
    let batchSize = min(settings.batchSize, count)
    let stepsPerEpoch = count / batchSize
    let heldOut = settings.selects ? heldOutRows(seed: seed) : []
    let heldOutImages = Set(heldOut.map { train.indices[$0] })
    func makeHeads() -> [LinearHead] {
      settings.learningRates.map {
        LinearHead(
          settings, learningRate: $0, featureCount: train.featureCount, classCount: classCount,
          stepsPerEpoch: stepsPerEpoch, batchSize: batchSize, seed: UInt64(seed))
      }
    }
    var state = ProbeState(heads: makeHeads(), twins: settings.selects ? makeHeads() : [])
    if let checkpointPath { state.restore(from: checkpointPath, key: stateKey(seed)) }
    let progress = ProgressReporter(label, total: settings.epochs, unit: "epochs")
    progress.advance(by: state.epoch)
    while state.epoch < settings.epochs {
      try Interruption.check()
      var losses: [Double] = []
      var step = state.epoch * stepsPerEpoch
      try forEachBatch(epoch: state.epoch, seed: seed, batchSize: batchSize) {
        features, labels, indices in
        for head in state.heads {
          let loss = head.train(features: features, labels: labels, step: step)
          if head === state.heads[0] { losses.append(Double(loss)) }
        }
        if !state.twins.isEmpty {
          let rows = indices.indices.filter { !heldOutImages.contains(Int32(indices[$0])) }
          if !rows.isEmpty {
            let part = rows.count == indices.count ? features : gathered(features, rows)
            for twin in state.twins {
              _ = twin.train(features: part, labels: rows.map { labels[$0] }, step: step)
            }
          }
        }
        step += 1
      }
      // One of several rates may diverge and lose; when all do there is nothing to report.
      if let diverged = state.heads.compactMap(\.divergedStep).min(),
        state.heads.allSatisfy({ $0.divergedStep != nil })
      {
        throw TrainingError.notFinite(
          what: "linear classifier", step: diverged,
          remedy: "lower --learning-rates, or check the checkpoint's features")
      }
      state.finishEpoch(
        loss: losses.isEmpty ? .nan : losses.reduce(0, +) / Double(losses.count),
        validation: validation, train: train, heldOut: heldOut, classCount: classCount)
      if let checkpointPath, !settings.isCached {
        try state.save(to: checkpointPath, key: stateKey(seed))
      }
      progress.advance(
        extra: "loss \(String(format: "%.3f", state.losses.last ?? .nan))  val top-1 "
          + percentage(state.curves.map { $0.last ?? 0 }.max() ?? 0))
    }
    progress.finish()
    if let checkpointPath { unlink(checkpointPath) }
    return state.outcome(
      seed: seed, selects: settings.selects, validation: validation, classCount: classCount)
  }

  private func stateKey(_ seed: Int) -> String {
    let lines = settings.settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return SHA256.digest(lines.joined(separator: "\n") + "\n\(seed) \(train.count) \(classCount)")
  }

  /// Rows of the training matrix that are held out: the same part of every class.
  private func heldOutRows(seed: Int) -> [Int] {
    var byClass: [[Int]] = Array(repeating: [], count: classCount)
    for (row, label) in train.labels.enumerated() { byClass[Int(label)].append(row) }
    return byClass.enumerated().flatMap { label, rows -> [Int] in
      var stream = RandomStream(seed: UInt64(seed), purpose: .sampling, sample: label)
      let part = Int((Double(rows.count) * settings.heldOutFraction).rounded())
      return stream.permutation(rows.count).prefix(part).map { rows[$0] }
    }.sorted()
  }

  /// Calls `body` with each full batch of one epoch: features, labels, positions in the folder.
  private func forEachBatch(
    epoch: Int, seed: Int, batchSize: Int, _ body: (Tensor, [Int], [Int]) throws -> Void
  ) throws {
    var stream = RandomStream(seed: UInt64(seed), purpose: .shuffle, epoch: epoch)
    let order = stream.permutation(train.count)
    let used = order.prefix(train.count / batchSize * batchSize)
    if settings.isCached {
      for start in stride(from: 0, to: used.count, by: batchSize) {
        let rows = used[start..<start + batchSize]
        try body(
          train.rows(rows), rows.map { Int(train.labels[$0]) }, rows.map { Int(train.indices[$0]) })
      }
      return
    }
    let loader = BatchLoader(
      folder: split, order: used.map { Int(train.indices[$0]) },
      transforms: [settings.trainTransform], batchSize: batchSize,
      seed: UInt64(seed), epoch: epoch, policy: policy)
    defer { backbone.dropPath = nil }
    var step = 0
    while let batch = try loader.next() {
      try Interruption.check()
      // The published code leaves the frozen backbone in training mode, with drop path.
      backbone.dropPath = DropPathContext(
        rate: Float(settings.dropPathRate), seed: UInt64(seed), step: epoch << 16 | step)
      let features = withoutGradients { backbone.features(batch.images) }
      try body(features, batch.labels, batch.indices)
      step += 1
    }
  }

  private func gathered(_ features: Tensor, _ rows: [Int]) -> Tensor {
    let width = features.shape[1]
    let result = Tensor(uninitialized: [rows.count, width])
    for (target, row) in rows.enumerated() {
      (result.pointer + target * width).update(from: features.pointer + row * width, count: width)
    }
    return result
  }
}
