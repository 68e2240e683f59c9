import CounterRandom
import Layers
import TensorCore

/// MoCo v2: one query, one key, and a long queue of earlier keys.
///
/// One step: view 1 through the online encoder and projector; the target moves; view 2 through
/// the target without gradients; `loss = CE([q·k, q·queue]/τ, 0)`; the keys join the queue.
///
/// The published head, linear layers with a ReLU between them, has no normalisation, and neither backbone
/// has; where the head is given one (`normGroups`), keys are normalised in shuffled groups, so
/// that a key's statistics do not betray its query (shuffled batch normalisation).
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `queue [D, M]`,
/// `queue_ptr`.
///
/// Source: Chen et al., Improved Baselines with Momentum Contrastive Learning, 2020.
public final class MoCoV2: SiameseMethod {
  /// MoCo v2's own numbers, as published.
  public struct Settings: MethodSettings {
    /// The target's momentum at the start, and whether it stays.
    public var startMomentum = 0.999, hasConstantMomentum = true
    /// Temperature of the logits.
    public var temperature = 0.2
    /// Length of a key, and keys in the queue.
    public var outputSize = 128, queueSize = 65536
    /// Linear layers of the head.
    public var layerCount = 2
    /// Groups of a batch that the head normalises apart; nil leaves it without normalisation, as
    /// published.
    public var normGroups: Int?

    public var onlineViews: [Int] { [0] }
    public var targetViews: [Int] { [1] }

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      // Both are drawn alike.
      let view = ViewDescription(size: inputSize, scale: 0.2...1)
        .with(\.saturation, 0.4).with(\.blur, 0.5).with(\.flipsLast, true)
      return [view, view]
    }

    public var facts: [String: String] {
      [
        "momentum": hasConstantMomentum ? "constant" : "to 1, cosine",
        "head": "\(layerCount) linear layers",
      ]
    }

    public mutating func shrink(to size: SmallSize) {
      (outputSize, queueSize) = (size.output, size.queue)
    }

    public mutating func fit(batchSize: Int) {
      queueSize = QueueSize.fitting(queueSize, batchSize: batchSize)
      guard let wanted = normGroups else { return }
      // A norm needs two images.
      normGroups = (1...wanted).last { batchSize % $0 == 0 && batchSize >= 2 * $0 } ?? 1
    }

    public func problem(batchSize: Int) -> String? {
      if let groups = normGroups {
        guard batchSize % groups == 0 else {
          return "--norm-groups \(groups) does not divide the batch of \(batchSize)."
        }
        guard groups == 1 || batchSize >= 2 * groups else {
          return
            "--norm-groups \(groups) leaves one image a group of a batch of \(batchSize); a norm "
            + "needs two."
        }
      }
      return QueueSize.problem(queueSize, batchSize: batchSize)
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      let widths = [Int](repeating: featureCount, count: layerCount) + [outputSize]
      let projector = HeadSize.layers(widths)
      return HeadSize(
        trained: projector, kept: projector + HeadSize.layers(queueSize, outputSize))
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      MoCoV2(self, totalSteps: totalSteps, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public private(set) var observation: StepObservation?
  private let temperature: Float
  private let seed: UInt64
  private let shufflesKeys: Bool
  let networks: SiameseNetworks
  private let queue: KeyQueue
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  public init(
    _ settings: Settings, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    self.seed = seed
    temperature = Float(settings.temperature)
    schedule = MomentumSchedule(
      start: settings.startMomentum, isConstant: settings.hasConstantMomentum,
      totalSteps: totalSteps)
    shufflesKeys = settings.normGroups != nil
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder,
      projector: { featureCount in
        var shape = ProjectionHead.Shape(
          hidden: [Int](repeating: featureCount, count: settings.layerCount - 1),
          outputs: settings.outputSize)
        shape.hasNorms = settings.normGroups != nil
        shape.normGroups = settings.normGroups ?? 1
        return shape
      }, predictor: nil)
    queue = KeyQueue(
      size: settings.queueSize, keyLength: settings.outputSize, name: "queue",
      initializer: Initializer(seed: seed))
  }

  public func prepare(at position: StepPosition) { moveTarget(step: position.step) }

  /// - Precondition: the batch divides the queue.
  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    let queries = l2Normalized(networks.queries(features[0]))
    let keys = withoutGradients { l2Normalized(projectedKeys(targetFeatures[0], at: position)) }
    let loss = crossEntropy(
      contrastiveLogits(queries: queries, keys: keys, queue: queue.keys, temperature: temperature),
      targets: [Int](repeating: 0, count: features[0].shape[0]))
    queue.enqueue(keys)
    observation = StepObservation(queries: queries.detached(), keys: keys)
    return loss
  }

  private func projectedKeys(_ features: Tensor, at position: StepPosition) -> Tensor {
    guard shufflesKeys else { return networks.targetProjector(features) }
    var stream = RandomStream(seed: seed, purpose: .queue, epoch: position.step)
    let order = stream.permutation(features.shape[0])
    let outputs = networks.targetProjector(selectedRows(features, order))
    var inverse = order
    for (row, source) in order.enumerated() { inverse[source] = row }
    return selectedRows(outputs, inverse)
  }

  func visitMemory(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "queue", queue.stored)
    visit(prefix + "queue_ptr", Tensor([Float(queue.position)], shape: [1]))
  }

  public func restoreMemory(_ stored: (String) -> [Float]?) {
    queue.restore(stored("queue"), position: stored("queue_ptr"))
  }
}

extension MethodDescription {
  /// MoCo v2.
  public static let mocoV2 = MethodDescription(
    "moco-v2", title: "MoCo v2",
    options: [
      .startMomentum(\MoCoV2.Settings.startMomentum),
      .temperature(\MoCoV2.Settings.temperature), .outputSize(\MoCoV2.Settings.outputSize),
      .queueSize(\MoCoV2.Settings.queueSize),
      MethodOption(
        "norm-groups", \MoCoV2.Settings.normGroups,
        "Gives the head batch normalisation in n groups with shuffled keys."),
    ], published: { _ in .mocoV2 }, transformer: { _ in .mocoV2Transformer })
}

extension PretrainingRecipe {
  /// MoCo v2, 200 epochs, as published for ResNet-50.
  static var mocoV2: PretrainingRecipe {
    var recipe = PretrainingRecipe(.mocoV2, MoCoV2.Settings())
    recipe.epochs = 200
    recipe.warmupEpochs = 0
    recipe.batchSize = 256
    recipe.baseLearningRate = 0.03
    recipe.isEpochwise = true
    recipe.optimizer = .sgd
    recipe.weightDecay = 1e-4
    recipe.decayRule = .all
    recipe.clipping = .none
    return recipe
  }

  /// MoCo v2 as transformers have been trained with it: DINO's optimiser, warm-up and momentum, a
  /// head of three layers, τ 0.1.
  static var mocoV2Transformer: PretrainingRecipe {
    var recipe = mocoV2
    recipe.epochs = 300
    recipe.warmupEpochs = 10
    recipe.batchSize = 512
    recipe.baseLearningRate = 5e-4
    recipe.minimumRate = 1e-6
    recipe.scalesMinimum = false
    recipe.isEpochwise = false
    recipe.isShifted = true
    recipe.reachesPeak = true
    recipe.optimizer = .adamw
    recipe.weightDecay = 0.05
    recipe.decayRule = .matrices
    recipe.change(MoCoV2.Settings.self) {
      ($0.startMomentum, $0.hasConstantMomentum, $0.temperature) = (0.996, false, 0.1)
      $0.layerCount = 3
    }
    return recipe
  }
}
