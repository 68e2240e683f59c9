import CounterRandom
import Layers
import TensorCore

/// MoCo v2: one query, one key, and a long queue of earlier keys.
///
/// One step: view 1 through the online encoder and projector; the target moves; view 2 through
/// the target without gradients; `loss = CE([q·k, q·queue]/τ, 0)`; the keys join the queue.
///
/// The published head, two linear layers with a ReLU, has no normalisation, and neither backbone
/// has; where the head is given one (`normGroups`), keys are normalised in shuffled groups, so
/// that a key's statistics do not betray its query (shuffled batch normalisation).
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `queue [D, M]`,
/// `queue_ptr`.
///
/// Source: Chen et al., Improved Baselines with Momentum Contrastive Learning, 2020.
public final class MoCoV2: SiameseMethod {
  public let dropPathRate: Float
  public private(set) var observation: StepObservation?
  private let temperature: Float
  private let seed: UInt64
  private let shufflesKeys: Bool
  let networks: SiameseNetworks
  private let queue: KeyQueue
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  public init(
    _ recipe: PretrainingRecipe, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    self.seed = seed
    dropPathRate = Float(recipe.dropPathRate)
    temperature = Float(recipe.temperature)
    schedule = recipe.momentumSchedule(totalSteps: totalSteps)
    shufflesKeys = recipe.normGroups > 0
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder,
      projector: { featureCount in
        var shape = ProjectionHead.Shape(hidden: [featureCount], outputs: recipe.outputSize)
        shape.hasNorms = recipe.normGroups > 0
        shape.normGroups = max(1, recipe.normGroups)
        return shape
      }, predictor: nil)
    queue = KeyQueue(
      size: recipe.queueSize, keyLength: recipe.outputSize, name: "queue",
      initializer: Initializer(seed: seed))
  }

  public var onlineViews: [Int] { [0] }
  public var targetViews: [Int] { [1] }

  /// - Precondition: the batch divides the queue.
  public func loss(features: [Tensor], batch: PretrainingBatch, at position: StepPosition)
    -> Tensor
  {
    let queries = l2Normalized(networks.queries(features[0]))
    let keys = withoutGradients {
      moveTarget(step: position.step)
      return l2Normalized(projectedKeys(batch.views[1], at: position))
    }
    let loss = crossEntropy(
      contrastiveLogits(queries: queries, keys: keys, queue: queue.keys, temperature: temperature),
      targets: [Int](repeating: 0, count: batch.count))
    queue.enqueue(keys)
    observation = StepObservation(queries: queries.detached(), keys: keys)
    return loss
  }

  private func projectedKeys(_ view: Tensor, at position: StepPosition) -> Tensor {
    guard shufflesKeys else { return networks.keys(view, chunkSize: position.chunkSize) }
    let features = encoded(view, by: networks.targetEncoder, chunkSize: position.chunkSize)
    // With several processes the permutation is over the gathered batch.
    var stream = RandomStream(seed: seed, purpose: .queue, epoch: position.step)
    let order = stream.permutation(view.shape[0])
    let outputs = networks.targetProjector(selectedRows(features, order))
    var inverse = order
    for (row, source) in order.enumerated() { inverse[source] = row }
    return selectedRows(outputs, inverse)
  }

  func visitMemory(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "queue", queue.stored)
    visit(prefix + "queue_ptr", Tensor([Float(queue.position)], shape: [1]))
  }

  func restoreMemory(_ stored: (String) -> [Float]?) {
    queue.restore(stored("queue"), position: stored("queue_ptr"))
  }
}

extension PretrainingRecipe {
  /// MoCo v2, 200 epochs, as published for ResNet-50.
  static var mocoV2: PretrainingRecipe {
    var recipe = PretrainingRecipe(method: .mocoV2)
    recipe.epochs = 200
    recipe.warmupEpochs = 0
    recipe.batchSize = 256
    recipe.baseLearningRate = 0.03
    recipe.isEpochwise = true
    recipe.optimizer = .sgd
    recipe.weightDecay = 1e-4
    recipe.decayRule = .all
    recipe.clipping = .none
    recipe.startMomentum = 0.999
    recipe.hasConstantMomentum = true
    recipe.temperature = 0.2
    recipe.hiddenSize = 0
    recipe.outputSize = 128
    recipe.queueSize = 65536
    return recipe
  }

  /// MoCo v2 as transformers have been trained with it: DINO's optimiser and momentum, τ 0.1.
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
    recipe.optimizer = .adamw
    recipe.weightDecay = 0.05
    recipe.decayRule = .matrices
    recipe.startMomentum = 0.996
    recipe.hasConstantMomentum = false
    recipe.temperature = 0.1
    return recipe
  }
}
