import CommandLine
import Models

extension PretrainingPlan {
  /// The plan that the options describe.
  ///
  /// - Parameter imageCount: Training images, for lengths given as a budget.
  init(_ options: PretrainingOptions, imageCount: Int) {
    let architecture = options.architecture.architecture
    var recipe =
      options.source == .paper
      ? PretrainingRecipe.published(options.method, for: architecture)
      : PretrainingRecipe.forTransformers(options.method, architecture: architecture)
    if options.preset != .full { recipe.shrink(isSmoke: options.preset == .smoke) }
    if options.oddities == .mend { recipe = recipe.withoutOddities() }
    func take<Value>(_ path: WritableKeyPath<PretrainingRecipe, Value>, _ value: Value?) {
      if let value { recipe[keyPath: path] = value }
    }
    take(\.batchSize, options.batchSize)
    take(\.baseLearningRate, options.baseLearningRate)
    if let weightDecay = options.weightDecay {
      recipe.weightDecay = weightDecay
      recipe.finalWeightDecay = nil
    }
    take(\.optimizer, options.optimizer)
    take(\.dropPathRate, options.dropPath)
    take(\.startMomentum, options.startMomentum)
    take(\.temperature, options.temperature)
    take(\.hiddenSize, options.hiddenSize)
    take(\.outputSize, options.outputSize)
    take(\.queueSize, options.queueSize)
    take(\.normGroups, options.normGroups)
    take(\.prototypeCount, options.prototypes)
    if options.method == .dinoMultiCrop { take(\.localViewCount, options.localViews) }
    if let cropScale = options.cropScale { recipe.globalScale = cropScale...1 }
    self.init(recipe, architecture: architecture)
    inputSize = options.inputSize
    localSize = options.localSize
    seed = options.seed
    accumulation = min(options.accumulation, recipe.batchSize / 2)
    limit = options.limit
    onBadImage = options.onBadImage
    probeLimit = options.probeLimit
    let published = recipe.epochs
    if let epochs = options.epochs { self.recipe.epochs = epochs }
    if let gflop = options.gflop {
      let count = options.limit > 0 ? min(options.limit, imageCount) : imageCount
      let epoch = Double(count) * cost.operationsPerImage / 1e9
      self.recipe.epochs = max(1, Int((gflop / epoch).rounded()))
    }
    if self.recipe.epochs != published, options.preset != .full || options.gflop != nil {
      self.recipe.scaleEpochs(from: published)
    }
    if let warmup = options.warmupEpochs { self.recipe.warmupEpochs = warmup }
  }
}

extension PretrainingRecipe {
  /// Heads, queues and batch in proportion to a small network and a few thousand images.
  mutating func shrink(isSmoke: Bool) {
    let published = epochs
    batchSize = isSmoke ? 16 : 64
    epochs = isSmoke ? 2 : 100
    scaleEpochs(from: published)
    hiddenSize = isSmoke ? 64 : 512
    outputSize = isSmoke ? 32 : 128
    if usesQueue { queueSize = isSmoke ? 64 : 1024 }
    if method == .dino || method == .dinoMultiCrop {
      prototypeCount = isSmoke ? 128 : 2048
      outputSize = isSmoke ? 32 : 128
      if localViewCount > 0 { localViewCount = isSmoke ? 2 : 4 }
    }
    // Small networks at small batches learn at a higher rate for the same batch.
    baseLearningRate = method == .supervised ? 4e-3 : 2e-3
    warmupStart = baseLearningRate * 1e-3
    minimumRate = baseLearningRate * 5e-3
    scalesMinimum = true
    isEpochwise = false
    dropPathRate = min(dropPathRate, 0.05)
    repeats = 1
    // A short training of a small network does not need what keeps a long one from overfitting.
    (usesRandAugment, mixup, cutmix, erasing) = (false, 0, 0, 0)
    if globalScale.lowerBound < 0.2 { globalScale = 0.2...1 }
  }

  /// Keeps warm-ups at the part of the run that they had, but at least a tenth: epochs of a small
  /// data set have few steps, and a rate that rises within a dozen steps ruins the start.
  mutating func scaleEpochs(from published: Int) {
    func scaled(_ count: Int) -> Int {
      max((epochs + 5) / 10, (count * epochs + published / 2) / max(1, published))
    }
    warmupEpochs = scaled(warmupEpochs)
    if teacherWarmupEpochs > 0 { teacherWarmupEpochs = scaled(teacherWarmupEpochs) }
  }
}
