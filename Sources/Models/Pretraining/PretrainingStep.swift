import Layers
import Processes
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
  /// How a batch is cut into groups, and which of them this process computes.
  public let groups: ImageGroups
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
  ///   - chunkSize: Images that go through the encoder at once; smaller than this process's part of
  ///     a batch saves memory for a second forward pass, and gives the gradients of the whole batch.
  ///   - groups: How a batch is cut; nil is one group on one process.
  /// - Precondition: a network with batch norms takes the whole batch at once.
  public convenience init(
    _ recipe: PretrainingRecipe, architecture: Architecture, inputSize: Int, classCount: Int,
    stepsPerEpoch: Int, seed: UInt64, chunkSize: Int = .max, groups: ImageGroups? = nil
  ) {
    let initializer = Initializer(seed: seed)
    func encoder() -> any Backbone {
      architecture.makeBackbone(inputSize: inputSize, initializer: initializer)
    }
    let method = recipe.settings.makeMethod(
      totalSteps: recipe.epochs * stepsPerEpoch, classCount: classCount, seed: seed,
      makeEncoder: encoder)
    self.init(
      recipe, method: method, stepsPerEpoch: stepsPerEpoch, seed: seed, chunkSize: chunkSize,
      groups: groups)
  }

  /// Trains networks from the weights that they have.
  ///
  /// - Parameters:
  ///   - method: The recipe's, around these networks.
  ///   - chunkSize: As above.
  ///   - groups: As above.
  public init(
    _ recipe: PretrainingRecipe, method: any PretrainingMethod, stepsPerEpoch: Int, seed: UInt64,
    chunkSize: Int = .max, groups: ImageGroups? = nil
  ) {
    self.recipe = recipe
    self.method = method
    self.seed = seed
    self.chunkSize = chunkSize
    self.groups = groups ?? .whole(recipe.batchSize)
    precondition(
      !method.encoder.architecture.hasBatchNorms || chunkSize >= self.groups.ownImages.count,
      "batch norms see a whole batch, not pieces of \(chunkSize) images")
    totalSteps = recipe.epochs * stepsPerEpoch
    let parameters = LayerDecay(recipe.layerDecay).applied(
      to: method.optimizedParameters(
        weightDecay: Float(recipe.weightDecay), rule: recipe.decayRule),
      in: method.encoder.architecture)
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
  /// - Throws: What communication throws.
  /// - Parameters:
  ///   - step: The optimiser's step, from 0.
  ///   - epoch: The epoch, from 0.
  public func step(_ batch: PretrainingBatch, step: Int, epoch: Int) throws -> Outcome {
    update(
      loss: try gradients(batch, step: step, epoch: epoch), step: step, epoch: epoch)
  }

  /// Clips the gradients, updates the networks and forgets the gradients.
  ///
  /// Nothing is updated when loss or gradients are not finite.
  public func update(loss: Float, step: Int, epoch: Int) -> Outcome {
    let position = StepPosition(step: step, epoch: epoch)
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
  /// - Parameter batch: The views of `groups.ownImages`.
  /// - Returns: The batch's loss, over all processes.
  /// - Throws: What communication throws.
  public func gradients(_ batch: PretrainingBatch, step: Int, epoch: Int) throws -> Float {
    let position = StepPosition(step: step, epoch: epoch)
    let online = recipe.settings.onlineViews
    method.prepare(at: position)
    setTraining(true)
    defer {
      method.encoder.dropPath = nil
      setTraining(false)
    }
    // Features first; then the loss over the whole batch; then each group's backward pass, started
    // from the features' gradients. Where memory does not hold every group's tape, the features are
    // computed a second time: draws are keyed, so the same branches are dropped.
    let keepsTapes = chunkSize >= groups.ownImages.count
    let lockstep = makeLockstep()
    var tapes = [[Tensor]](repeating: [], count: groups.ownCount)
    try forEachGroup(lockstep) { [self] number, group in
      tapes[number] = online.map { view in
        keepsTapes
          ? encode(batch, view, group, at: position)
          : withoutGradients {
            concatenated(pieces(group).map { encode(batch, view, $0, at: position) })
          }
      }
    }
    let features = try online.indices.map { view in
      try gathered(concatenated(tapes.map { $0[view].detached() }))
    }
    if !keepsTapes { tapes = [] }
    let targetFeatures = try fixedFeatures(
      of: recipe.settings.targetViews.map { batch.views[$0] }, lockstep
    ).map(gathered)
    for feature in features { feature.requiresGradient = true }
    method.encoder.dropPath = nil
    let loss = method.loss(
      features: features, targetFeatures: targetFeatures, targets: batch.targets, at: position)
    guard loss.item.isFinite else { return loss.item }
    loss.backward()
    let sum = GroupSum(groups, parameters: trainedEncoder)
    try forEachGroup(lockstep) { [self] number, group in
      for (index, view) in online.enumerated().reversed() {
        guard let gradient = features[index].gradient else { continue }
        for piece in keepsTapes ? [group] : pieces(group) {
          let seed = rows(gradient, globalImages(piece))
          let tape = keepsTapes ? tapes[number][index] : encode(batch, view, piece, at: position)
          let isLast = index == 0 && piece.upperBound == group.upperBound
          tape.backward(seed, ready: isLast ? sum.readiness(ofGroup: number) : nil)
        }
      }
      if keepsTapes { tapes[number] = [] }
    } ended: {
      sum.add()
    }
    _ = try sum.finish()
    return loss.item
  }

  private func setTraining(_ isTraining: Bool) {
    method.encoder.setTraining(isTraining)
    method.targetEncoder?.setTraining(isTraining)
  }

  /// What lets batch norms see the images of all groups; nil for a network without any.
  private func makeLockstep() -> GroupLockstep? {
    method.encoder.architecture.hasBatchNorms
      ? GroupLockstep(
        groups, ownCount: groups.ownCount, of: groups.count, parameters: trainedEncoder) : nil
  }

  /// Does something for every own group: one after the other, or side by side where batch norms meet.
  ///
  /// - Parameter ended: Called as each group ends, in order, with its gradients in the parameters.
  private func forEachGroup(
    _ lockstep: GroupLockstep?, _ body: @escaping (_ number: Int, _ images: Range<Int>) -> Void,
    ended: () -> Void = {}
  ) throws {
    let own = groups.ownGroups
    guard let lockstep else {
      for (number, images) in own.enumerated() {
        body(number, images)
        ended()
      }
      return
    }
    try lockstep.run {
      body($0, own[$0])
    } ended: { _ in
      ended()
    }
  }

  /// What the optimiser trains of the encoder.
  private var trainedEncoder: [Tensor] {
    method.encoder.parameters.map(\.tensor).filter(\.requiresGradient)
  }

  /// Pieces of own images that go through the encoder at once.
  private func pieces(_ images: Range<Int>) -> [Range<Int>] {
    let size = max(1, min(chunkSize, images.count))
    return stride(from: images.lowerBound, to: images.upperBound, by: size).map {
      $0..<min(images.upperBound, $0 + size)
    }
  }

  /// Own images as positions in the whole batch.
  private func globalImages(_ own: Range<Int>) -> Range<Int> {
    let first = groups.ownImages.lowerBound
    return first + own.lowerBound..<first + own.upperBound
  }

  /// The online features of some of the own images.
  private func encode(
    _ batch: PretrainingBatch, _ view: Int, _ images: Range<Int>, at position: StepPosition
  ) -> Tensor {
    method.encoder.dropPath = DropPathContext(
      rate: Float(recipe.dropPathRate), seed: seed, step: position.step, pass: view,
      firstImage: globalImages(images).lowerBound)
    return method.encoder.features(part(batch.views[view], images))
  }

  /// The target's features of the own images in some views.
  private func fixedFeatures(of views: [Tensor], _ lockstep: GroupLockstep?) throws -> [Tensor] {
    guard !views.isEmpty else { return [] }
    guard let encoder = method.targetEncoder else {
      preconditionFailure("\(recipe.method.title) names views of a target that it does not have")
    }
    guard lockstep != nil else {
      return withoutGradients {
        views.map { view in
          concatenated(pieces(0..<view.shape[0]).map { encoder.features(part(view, $0)) })
        }
      }
    }
    var parts = [[Tensor]](repeating: [], count: groups.ownCount)
    try forEachGroup(lockstep) { [self] number, group in
      parts[number] = withoutGradients { views.map { encoder.features(part($0, group)) } }
    }
    return views.indices.map { view in concatenated(parts.map { $0[view] }) }
  }

  private func part(_ images: Tensor, _ range: Range<Int>) -> Tensor {
    range.count == images.shape[0] ? images : rows(images, range)
  }

  /// The rows of all processes.
  private func gathered(_ own: Tensor) throws -> Tensor {
    guard groups.communicator.size > 1 else { return own }
    let values = try groups.communicator.gather(own.values)
    return Tensor(values, shape: [groups.batchSize] + own.shape.dropFirst())
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
    method.restoreStatistics(stored)
    method.restoreMemory(stored)
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
