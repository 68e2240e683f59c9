import CommandLine
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Protocols
import Reporting
import TensorCore
import Training
import VisionData

/// Trains linear classifiers on a frozen backbone.
///
/// One classifier a learning rate learns from all training images and is scored. With several
/// rates a twin of each learns without the held-out images and is scored on those; rate and epoch
/// are the twin's best. Validation images decide nothing.
final class LinearProbe: Trainee {
  let label: String
  private let settings: LinearProtocol
  private let backbone: any Backbone
  private let split: ImageFolder
  private let train, validation: FeatureMatrix
  private let classCount: Int
  private let policy: BadImagePolicy
  private let seed: Int
  private let batchSize: Int
  private let ranks = Processes.current
  private let heldOut: [Int]
  private let heldOutImages: Set<Int32>
  private var probe: ProbeState
  private var summary = ""

  /// Prepares a probe of one seed.
  init(
    settings: LinearProtocol, backbone: any Backbone, split: ImageFolder, train: FeatureMatrix,
    validation: FeatureMatrix, classCount: Int, policy: BadImagePolicy, seed: Int, label: String
  ) {
    self.settings = settings
    self.backbone = backbone
    self.split = split
    self.train = train
    self.validation = validation
    self.classCount = classCount
    self.policy = policy
    self.seed = seed
    self.label = label
    let batchSize = min(settings.batchSize, train.count)
    self.batchSize = batchSize
    heldOut =
      settings.selects ? Self.heldOutRows(settings, train, classCount: classCount, seed: seed) : []
    heldOutImages = Set(heldOut.map { train.indices[$0] })
    func makeHeads() -> [LinearHead] {
      settings.learningRates.map {
        LinearHead(
          settings, learningRate: $0, featureCount: train.featureCount, classCount: classCount,
          stepsPerEpoch: train.count / batchSize, batchSize: batchSize, seed: UInt64(seed))
      }
    }
    probe = ProbeState(heads: makeHeads(), twins: settings.selects ? makeHeads() : [])
  }

  /// Trains, or goes on where a killed run stopped, and gives the chosen classifier's answers.
  ///
  /// - Throws: What loading and writing throw; `TrainingError` when every classifier diverged.
  func outcome(_ loop: TrainingLoop) throws -> LinearOutcome {
    var loop = loop
    // An epoch with augmentation is worth a state; one on stored features takes no time.
    loop.epochSaveInterval = 0
    _ = try loop.train(self)
    loop.state?.remove()
    return probe.outcome(
      seed: seed, heldOutCount: heldOut.count, validation: validation, classCount: classCount)
  }

  /// What decides a probe beside its run: a state of another is not taken over.
  static func stateKey(_ run: String, seed: Int) -> String { "\(run) seed \(seed)" }

  /// Rows of the training matrix that are held out: the same part of every class.
  static func heldOutRows(
    _ settings: LinearProtocol, _ train: FeatureMatrix, classCount: Int, seed: Int
  ) -> [Int] {
    heldOutRows(settings, labels: train.labels, classCount: classCount, seed: seed)
  }

  /// Rows that are held out of some with these labels.
  static func heldOutRows(
    _ settings: LinearProtocol, labels: [Int32], classCount: Int, seed: Int
  ) -> [Int] {
    var byClass: [[Int]] = Array(repeating: [], count: classCount)
    for (row, label) in labels.enumerated() { byClass[Int(label)].append(row) }
    return byClass.enumerated().flatMap { label, rows -> [Int] in
      var stream = RandomStream(seed: UInt64(seed), purpose: .sampling, sample: label)
      return stream.permutation(rows.count).prefix(settings.heldOutCount(of: rows.count)).map {
        rows[$0]
      }
    }.sorted()
  }

  // MARK: Training

  var epochCount: Int { settings.epochs }
  var batchesPerEpoch: Int { train.count / batchSize }
  var imagesPerBatch: Int { batchSize }
  var survivesDivergence: Bool { true }
  var optimizers: [any Optimizer] { (probe.heads + probe.twins).map(\.optimizer) }

  /// Images to compute features of, or rows of the stored ones.
  enum Batch {
    case images(BatchLoader.Batch)
    case rows(ArraySlice<Int>)
  }

  private struct ImageSource: BatchSource {
    let loader: BatchLoader
    func next() throws -> Batch? {
      try loader.nextViews().map {
        .images(.init(images: $0.views[0], labels: $0.labels, indices: $0.indices))
      }
    }
    var skippedImages: Int { loader.skipped.count }
  }

  private struct RowSource: BatchSource {
    var rows: ArraySlice<Int>
    let batchSize: Int
    mutating func next() -> Batch? {
      guard !rows.isEmpty else { return nil }
      defer { rows = rows.dropFirst(batchSize) }
      return .rows(rows.prefix(batchSize))
    }
  }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<Batch> {
    let order = epochOrder(count: train.count, seed: UInt64(seed), epoch: epoch)
    let used = order.prefix(batchesPerEpoch * batchSize)
    if settings.isCached {
      return RowSource(rows: used.dropFirst(batch * batchSize), batchSize: batchSize)
    }
    return ImageSource(
      loader: BatchLoader(
        folder: split, order: used.map { Int(train.indices[$0]) }, startBatch: batch,
        share: ranks.share(of: batchSize), transforms: [settings.trainTransform],
        normalization: settings.normalization,
        batchSize: batchSize, seed: UInt64(seed),
        epoch: epoch, policy: policy))
  }

  func gradients(_ batch: Batch, at position: TrainingPosition) throws -> Float? {
    let features: Tensor
    let labels, indices: [Int]
    switch batch {
    case .rows(let rows):
      features = train.rows(rows)
      labels = rows.map { Int(train.labels[$0]) }
      indices = rows.map { Int(train.indices[$0]) }
    case .images(let loaded):
      (features, labels, indices) = try self.features(loaded, at: position)
      if labels.isEmpty { return nil }
    }
    let losses = probe.heads.map {
      $0.gradients(features: features, labels: labels, step: position.step)
    }
    if !probe.twins.isEmpty {
      let rows = indices.indices.filter { !heldOutImages.contains(Int32(indices[$0])) }
      if !rows.isEmpty {
        let part = rows.count == indices.count ? features : selectedRows(features, rows)
        for twin in probe.twins {
          _ = twin.gradients(
            features: part, labels: rows.map { labels[$0] }, step: position.step)
        }
      }
    }
    return losses[0]
  }

  /// The features of a batch's images, wherever they were computed.
  private func features(
    _ own: BatchLoader.Batch, at position: TrainingPosition
  ) throws -> (Tensor, labels: [Int], indices: [Int]) {
    let counts = try ranks.gather([Float(own.labels.count)]).map { Int($0) }
    // The published code leaves the frozen backbone in training mode, with drop path.
    backbone.dropPath = DropPathContext(
      rate: Float(settings.dropPathRate), seed: UInt64(seed),
      step: position.epoch << 16 | position.batch, firstImage: counts[..<ranks.rank].reduce(0, +))
    defer { backbone.dropPath = nil }
    let features =
      own.labels.isEmpty ? [] : withoutGradients { backbone.features(own.images) }.values
    let all = try LabelledFeatures(
      values: features, labels: own.labels.map(Int32.init), indices: own.indices.map(Int32.init)
    ).gathered(by: ranks)
    return (
      Tensor(all.values, shape: [all.labels.count, backbone.featureCount]),
      all.labels.map { Int($0) }, all.indices.map { Int($0) }
    )
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    probe.addStep(loss: Double(loss))
    for head in probe.heads + probe.twins { head.update(step: position.step) }
    return TrainingEvent([], progress: summary)
  }

  func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent {
    for head in probe.heads + probe.twins { head.noteDivergence(step: position.step) }
    // One of several rates may diverge and lose; when all do there is nothing to report.
    let diverged = probe.heads.compactMap(\.divergedStep)
    if diverged.count == probe.heads.count, let first = diverged.min() {
      throw TrainingError.notFinite(
        what: "the loss of the linear classifier", step: first,
        remedy: "lower --learning-rates, or check the checkpoint's features")
    }
    probe.finishEpoch(
      validation: validation, train: train, heldOut: heldOut, classCount: classCount)
    summary =
      "epoch \(probe.epoch)/\(settings.epochs) loss "
      + String(format: "%.3f", probe.losses.last ?? .nan) + "  val top-1 "
      + percentage(probe.curves.map { $0.last ?? 0 }.max() ?? 0)
    return TrainingEvent([])
  }

  // MARK: State

  var state: [StateTensor] { probe.tensors }
  var facts: JSONValue { probe.facts }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) throws {
    guard probe.restore(stored) else {
      throw TrainingError.foreignState("the curves of the linear probe")
    }
  }
}
