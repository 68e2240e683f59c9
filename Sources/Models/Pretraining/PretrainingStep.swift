import Layers
import TensorCore

/// One method under its recipe: from views to updated weights.
///
/// Everything that changes from step to step is here, in the method, or in the optimiser, and all
/// of it is in `state`: a run that is restored from it continues with the same bits.
public final class PretrainingEngine {
  /// The numbers of the run.
  public let recipe: PretrainingRecipe
  /// Networks and loss.
  public let method: any PretrainingMethod
  /// The update rule with its memory.
  public let optimizer: any Optimizer
  /// Steps of the whole run.
  public let totalSteps: Int
  /// Images that go through the encoder at once.
  public let chunkSize: Int
  private let schedule: any LearningRateSchedule
  private let seed: UInt64

  /// What a step did.
  public struct Outcome: Sendable {
    /// The loss of the whole batch, and the joint norm of its gradients before clipping.
    public let loss, gradientNorm: Float
    /// What the update used.
    public let learningRate, weightDecay, momentum: Double
  }

  /// Builds networks with fresh weights.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the (global) views in pixels.
  ///   - classCount: Classes, for supervised training.
  ///   - chunkSize: Images that go through the encoder at once; smaller than the batch saves
  ///     memory for a second forward pass, and gives the gradients of the whole batch.
  public init(
    _ recipe: PretrainingRecipe, architecture: Architecture, inputSize: Int, classCount: Int,
    stepsPerEpoch: Int, seed: UInt64, chunkSize: Int = .max
  ) {
    self.recipe = recipe
    self.seed = seed
    self.chunkSize = chunkSize
    let totalSteps = recipe.epochs * stepsPerEpoch
    self.totalSteps = totalSteps
    let initializer = Initializer(seed: seed)
    func encoder() -> any Backbone {
      architecture.makeBackbone(inputSize: inputSize, initializer: initializer)
    }
    method = recipe.settings.makeMethod(
      totalSteps: totalSteps, classCount: classCount, seed: seed, makeEncoder: encoder)
    let parameters = method.optimizedParameters(
      weightDecay: Float(recipe.weightDecay), rule: recipe.decayRule)
    optimizer =
      switch recipe.optimizer {
      case .adamw: AdamW(parameters, learningRate: 0)
      case .sgd: SGD(parameters, learningRate: 0)
      case .lars:
        // BYOL's rule: what does not decay is not adapted either.
        LARS(
          parameters.map {
            OptimizedParameter(
              key: $0.key, tensor: $0.tensor, weightDecay: $0.weightDecay,
              isAdapted: $0.tensor.shape.count > 1)
          }, learningRate: 0)
      }
    schedule = recipe.learningRateSchedule(stepsPerEpoch: stepsPerEpoch)
  }

  /// Trains on one batch: `gradients`, then `update`.
  ///
  /// - Parameters:
  ///   - step: The optimiser's step, from 0.
  ///   - epoch: The epoch, from 0.
  public func step(_ batch: PretrainingBatch, step: Int, epoch: Int) -> Outcome {
    update(
      loss: gradients(batch, step: step, epoch: epoch), step: step, epoch: epoch)
  }

  /// Clips the gradients, updates the networks and forgets the gradients.
  ///
  /// Nothing is updated when loss or gradients are not finite.
  public func update(loss: Float, step: Int, epoch: Int) -> Outcome {
    let position = StepPosition(step: step, epoch: epoch, chunkSize: chunkSize)
    let limit = Float(recipe.clipNorm)
    let norm =
      switch recipe.clipping {
      case .none: clipGradientNorm(optimizer.parameters, limit: .infinity)
      case .global: clipGradientNorm(optimizer.parameters, limit: limit)
      case .perTensor: clipEachGradientNorm(optimizer.parameters, limit: limit)
      }
    let rate = schedule.learningRate(step: step)
    let decay = recipe.weightDecay(step: step, totalSteps: totalSteps)
    let outcome = Outcome(
      loss: loss, gradientNorm: norm, learningRate: rate, weightDecay: decay,
      momentum: method.momentum(step: step))
    guard loss.isFinite, norm.isFinite else {
      optimizer.clearGradients()
      return outcome
    }
    method.willStep(at: position)
    if recipe.finalWeightDecay != nil { optimizer.setWeightDecay(Float(decay)) }
    optimizer.update(rate: rate)
    method.didStep(at: position)
    return outcome
  }

  /// Leaves the gradients of one batch in the parameters.
  ///
  /// - Returns: The batch's loss.
  public func gradients(_ batch: PretrainingBatch, step: Int, epoch: Int) -> Float {
    gradients(batch, at: StepPosition(step: step, epoch: epoch, chunkSize: chunkSize))
  }

  private func gradients(_ batch: PretrainingBatch, at position: StepPosition) -> Float {
    let count = batch.count
    guard chunkSize < count else {
      let features = recipe.settings.onlineViews.map { view in
        encode(batch.views[view], view: view, first: 0, at: position)
      }
      method.encoder.dropPath = nil
      let loss = method.loss(features: features, batch: batch, at: position)
      if loss.item.isFinite { loss.backward() }
      return loss.item
    }
    // Features first, without a tape; then the loss over the whole batch; then each piece again
    // with its tape, started from the features' gradients. Draws are keyed, so the second pass
    // drops the same branches.
    let features = recipe.settings.onlineViews.map { view in
      withoutGradients {
        concatenated(
          pieces(count).map { piece in
            encode(
              rows(batch.views[view], piece), view: view, first: piece.lowerBound, at: position)
          })
      }
    }
    for feature in features { feature.requiresGradient = true }
    method.encoder.dropPath = nil
    let loss = method.loss(features: features, batch: batch, at: position)
    guard loss.item.isFinite else { return loss.item }
    loss.backward()
    for (feature, view) in zip(features, recipe.settings.onlineViews) {
      guard let gradient = feature.gradient else { continue }
      for piece in pieces(count) {
        encode(rows(batch.views[view], piece), view: view, first: piece.lowerBound, at: position)
          .backward(rows(gradient, piece))
      }
    }
    method.encoder.dropPath = nil
    return loss.item
  }

  private func pieces(_ count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: chunkSize).map { $0..<min(count, $0 + chunkSize) }
  }

  private func encode(
    _ images: Tensor, view: Int, first: Int, at position: StepPosition
  ) -> Tensor {
    method.encoder.dropPath = DropPathContext(
      rate: Float(recipe.dropPathRate), seed: seed, step: position.step, pass: view,
      firstImage: first)
    return method.encoder.features(images)
  }

  // MARK: State

  /// Every tensor that the next step depends on, by key: the method's under its checkpoint keys,
  /// the optimiser's under `optimizer.`.
  public var state: [(key: String, shape: [Int], values: [Float])] {
    StateDictionary(method).entries
      + optimizer.state.map { ("optimizer." + $0.key, $0.tensor.shape, $0.tensor.values) }
      + [("optimizer.step_count", [1], [Float(optimizer.stepCount)])]
  }

  /// Takes over a state.
  ///
  /// - Parameter stored: The numbers under a key, or nil.
  /// - Returns: The first key that is missing, of another size or out of range; nil when all fit. Nothing is
  ///   promised about the engine otherwise.
  public func restore(_ stored: (String) -> [Float]?) -> String? {
    let optimizerState = optimizer.state.map { (key: "optimizer." + $0.key, tensor: $0.tensor) }
    for (key, tensor) in method.parameters + optimizerState {
      guard let values = stored(key), values.count == tensor.elementCount else { return key }
      tensor.assign(values)
    }
    // Constants aside, every buffer must be there, too.
    for (key, tensor) in method.buffers {
      guard stored(key)?.count == tensor.elementCount else { return key }
    }
    method.restoreBuffers(stored)
    // What was not taken over, such as a place outside the queue, does not read back.
    for (key, tensor) in method.buffers {
      let isTaken = stored(key)?.elementsEqual(tensor.values) { $0.bitPattern == $1.bitPattern }
      guard isTaken == true else { return key }
    }
    // Batches go into a queue side by side.
    if let place = stored("queue_ptr")?.first,
      Int(exactly: place).map({ $0 % recipe.batchSize != 0 }) ?? true
    {
      return "queue_ptr"
    }
    guard let count = stored("optimizer.step_count")?.first.flatMap(Int.init(exactly:)), count >= 0
    else { return "optimizer.step_count" }
    optimizer.stepCount = count
    return nil
  }

  /// The checkpoint that other programs read.
  ///
  /// Self-supervised methods keep the keys of MoBY's files; a supervised network has the official
  /// names, as published classifiers do.
  public var exported: [(key: String, shape: [Int], values: [Float])] {
    StateDictionary(method).entries.map { (method.exportedKey($0.key), $0.shape, $0.values) }
  }
}
