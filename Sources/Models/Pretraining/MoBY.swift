import Layers
import TensorCore

/// MoBY: MoCo v2's queues and contrastive loss with BYOL's asymmetric encoders.
///
/// One step: both views through the online encoder, projector and predictor; the target moves
/// towards the online network; both views through the target without gradients; each query is
/// told from the other view's key among the queue of earlier keys:
///
///     loss = CE([q₁·k₂, q₁·queue₂]/τ, 0) + CE([q₂·k₁, q₂·queue₁]/τ, 0)
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `predictor.*`,
/// `queue1`, `queue2 [D, M]`, `queue_ptr`.
///
/// Source: Xie et al., Self-Supervised Learning with Swin Transformers, 2021.
/// Differs from the source: the momentum's step is part of the state, so a resumed run goes on
/// where it stopped instead of falling back to the start.
public final class MoBY: SiameseMethod {
  /// MoBY's own numbers, as published.
  public struct Settings: MethodSettings {
    /// The target's momentum at the start, and the temperature of the logits.
    public var startMomentum = 0.99, temperature = 0.2
    /// Hidden size of the heads, length of their output, keys in a queue.
    public var hiddenSize = 4096, outputSize = 256, queueSize = 4096
    /// Area of a crop, in parts of the image.
    public var cropScale = 0.08...1.0

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      ViewDescription.pair(size: inputSize, scale: cropScale)
    }

    public mutating func shrink(to size: SmallSize) {
      (hiddenSize, outputSize, queueSize) = (size.hidden, size.output, size.queue)
      cropScale = size.cropScale(cropScale)
    }

    public mutating func fit(batchSize: Int) {
      queueSize = QueueSize.fitting(queueSize, batchSize: batchSize)
    }

    public func problem(batchSize: Int) -> String? {
      QueueSize.problem(queueSize, batchSize: batchSize)
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      let projector = HeadSize.layers(featureCount, hiddenSize, outputSize)
      return HeadSize(
        trained: projector + HeadSize.layers(outputSize, hiddenSize, outputSize),
        kept: projector + 2 * HeadSize.layers(queueSize, outputSize))
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      MoBY(self, totalSteps: totalSteps, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public private(set) var observation: StepObservation?
  private let temperature: Float
  let networks: SiameseNetworks
  /// Earlier keys of view 1 and of view 2.
  private let queues: [KeyQueue]
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  ///
  /// - Parameters:
  ///   - totalSteps: Steps of the whole run, for the momentum's schedule.
  ///   - makeEncoder: Builds an encoder; called twice.
  public init(
    _ settings: Settings, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    temperature = Float(settings.temperature)
    schedule = MomentumSchedule(start: settings.startMomentum, totalSteps: totalSteps)
    let shape = ProjectionHead.Shape(hidden: [settings.hiddenSize], outputs: settings.outputSize)
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder, projector: { _ in shape }, predictor: shape)
    queues = [1, 2].map {
      KeyQueue(
        size: settings.queueSize, keyLength: settings.outputSize, name: "queue\($0)",
        initializer: Initializer(seed: seed))
    }
  }

  public func prepare(at position: StepPosition) { moveTarget(step: position.step) }

  /// - Precondition: the batch divides the queue.
  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    let views = networks.outputs(features, targets: targetFeatures)
    let labels = [Int](repeating: 0, count: features[0].shape[0])
    let total = views.loss { query, key, view in
      crossEntropy(
        contrastiveLogits(
          queries: query, keys: key, queue: queues[view].keys, temperature: temperature),
        targets: labels)
    }
    for (queue, key) in zip(queues, views.keys) { queue.enqueue(key) }
    observation = views.observation
    return total
  }

  func visitMemory(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, queue) in queues.enumerated() { visit(prefix + "queue\(index + 1)", queue.stored) }
    visit(prefix + "queue_ptr", Tensor([Float(queues[0].position)], shape: [1]))
  }

  public func restoreMemory(_ stored: (String) -> [Float]?) {
    for (index, queue) in queues.enumerated() {
      queue.restore(stored("queue\(index + 1)"), position: stored("queue_ptr"))
    }
  }
}

extension MethodDescription {
  /// MoBY.
  public static let moby = MethodDescription(
    "moby", title: "MoBY",
    options: [
      .startMomentum(\MoBY.Settings.startMomentum), .temperature(\MoBY.Settings.temperature),
      .hiddenSize(\MoBY.Settings.hiddenSize), .outputSize(\MoBY.Settings.outputSize),
      .queueSize(\MoBY.Settings.queueSize), .cropScale(\MoBY.Settings.cropScale.low),
    ], published: { _ in .moby })
}

extension PretrainingRecipe {
  /// MoBY, 300 epochs.
  ///
  /// The published rate is 1e-3 for a batch of 512; the bias tables (and DeiT's positions) decay,
  /// because the reference's list of exceptions does not reach them.
  static var moby: PretrainingRecipe {
    var recipe = PretrainingRecipe(.moby, MoBY.Settings())
    recipe.epochs = 300
    recipe.warmupEpochs = 5
    recipe.batchSize = 512
    recipe.baseLearningRate = 5e-4
    recipe.warmupStart = 2.5e-7
    recipe.minimumRate = 2.5e-6
    recipe.lagsSchedule = true
    recipe.weightDecay = 0.05
    recipe.decayRule = .matrices
    recipe.intendedDecayRule = .matricesWithoutPositions
    recipe.clipping = .global
    recipe.clipNorm = 5
    recipe.dropPathRate = 0.2
    return recipe
  }
}
