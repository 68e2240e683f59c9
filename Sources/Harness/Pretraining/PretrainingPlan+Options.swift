import CommandLine
import Loading
import Models

extension PretrainingPlan {
  /// The plan that the options describe.
  ///
  /// - Parameter imageCount: Training images, for lengths given as a budget.
  init(_ options: PretrainingOptions, imageCount: Int) {
    self.init(options.recipe, architecture: options.architecture.architecture)
    inputSize = options.inputSize
    seed = options.seeds[0]
    accumulation = options.accumulation
    limit = options.data.limit
    onBadImage = options.data.onBadImage
    probeLimit = options.probeLimit
    let published = recipe.epochs
    if let epochs = options.epochs { recipe.epochs = epochs }
    if let gflop = options.gflop {
      let epoch = Double(min(limit ?? imageCount, imageCount)) * cost.operationsPerImage / 1e9
      recipe.epochs = max(1, Int(min(1e6, (gflop / epoch).rounded())))
    }
    if recipe.epochs != published, options.preset != .full || options.gflop != nil {
      recipe.scaleEpochs(from: published)
    }
    if let warmup = options.warmupEpochs { recipe.warmupEpochs = warmup }
  }
}
