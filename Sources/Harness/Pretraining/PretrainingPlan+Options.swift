import CommandLine
import Loading
import Models

extension PretrainingPlan {
  /// The plan that the options describe.
  ///
  /// - Parameter imageCount: Training images, for lengths given as a budget.
  /// - Throws: `UsageError` for a budget that is no number of epochs, or a warm-up longer than the run.
  init(_ options: PretrainingOptions, imageCount: Int) throws(UsageError) {
    self.init(options.recipe, architecture: options.architecture.architecture)
    inputSize = options.inputSize
    seed = options.seeds[0]
    accumulation = options.accumulation
    groupCount = options.groups
    limit = options.data.limit
    onBadImage = options.data.onBadImage
    probeLimit = options.probeLimit
    let published = recipe.epochs
    if let epochs = options.epochs { recipe.epochs = epochs }
    if let gflop = options.gflop {
      // What is left over of whole batches costs nothing.
      let trained = max(1, stepsPerEpoch(of: imageCount)) * recipe.batchSize
      let epoch = Double(trained) * cost.operationsPerImage / 1e9
      let count = (gflop / epoch).rounded()
      guard (1...1e6).contains(count) else {
        throw .conflict(
          "--gflop \(gflop.argument) is \(count < 1 ? "less than half an epoch" : "over 1000000 epochs")"
            + " of \(epoch.argument) GFLOP; give a budget of 1 to 1000000 epochs.")
      }
      recipe.epochs = Int(count)
    }
    if recipe.epochs != published, options.preset != .full || options.gflop != nil {
      recipe.scaleEpochs(from: published)
    }
    if let warmup = options.warmupEpochs { recipe.warmupEpochs = warmup }
    try UsageError.checkWarmup(
      recipe.warmupEpochs, of: recipe.epochs, isGiven: options.warmupEpochs != nil)
  }
}
