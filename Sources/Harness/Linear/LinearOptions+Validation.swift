import CommandLine
import Inspection
import Models
import Protocols
import Reporting

extension LinearOptions {
  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    try SeedList.validate(seeds)
    _ = try MarginOption.margins(
      margins, of: [settings.trainsNetwork ? .fineTuning : .linear])
    try backbone.validate(given: given, about: ["heads", "mean", "std"])
    try classifiers.validate(
      network: "classifier",
      training: Self.descent + Self.training + [
        "epochs", "batch-size", "weight-decay", "train-list", "shots", "draws", "save-minutes",
      ], backbones: backbone.files, seeds: seeds, given: given)
    guard classMap == nil || !classifiers.files.isEmpty else {
      throw .conflict("--class-map is about --classifier, which is not given.")
    }
    guard !settings.learningRates.isEmpty else {
      throw .conflict("--learning-rates must name at least one rate.")
    }
    for (option, values) in [
      ("learning-rates", settings.learningRates), ("regularizations", settings.regularizations),
    ] {
      guard Set(values).count == values.count else {
        throw .conflict("--\(option) names a value twice.")
      }
    }
    try checkClassifier()
    try checkFeature()
    if settings.trainsNetwork { try watch.validate(length: settings.epochs, .epoch) }
    let names = shifts.map { $0.prefix { $0 != "=" } }
    guard Set(names).count == names.count else {
      throw .conflict("--shifts names a set twice.")
    }
    try corruptions.validate()
    if !shifts.contains(where: { $0.hasSuffix("=" + ShiftedSet.made) }),
      let option = CorruptionOptions.names.first(where: given.contains)
    {
      throw .conflict(
        "--\(option) is about images that are corrupted on the way; --shifts c=\(ShiftedSet.made) asks for them."
      )
    }
    guard !given.contains("draws") || shots != nil else {
      throw .conflict("--draws is about --shots, which is not given.")
    }
    guard !given.isSuperset(of: ["draws", "seeds"]) else {
      throw .conflict("--draws and --seeds both say how often is drawn; give one of them.")
    }
    if given.contains("held-out"), !settings.selects {
      let several = settings.classifier == .logistic ? "--regularizations" : "--learning-rates"
      throw .conflict("--held-out chooses among several \(several); there is one.")
    }
    if settings.classifier == .descent {
      try UsageError.checkWarmup(
        settings.warmupEpochs, of: settings.epochs, isGiven: given.contains("warmup-epochs"))
    }
    if given.contains("drop-path"), settings.isCached {
      throw .conflict(
        "--drop-path is drawn anew in every step, which cached features do not see; use "
          + "--no-cached.")
    }
    if let training = settings.endToEnd {
      try GroupCount.validate(training.groupCount, batchSize: settings.batchSize)
      try Accumulation.validate(training.accumulation, batchSize: settings.batchSize)
    }
    guard mean.isEmpty == deviation.isEmpty, [0, 3].contains(mean.count),
      [0, 3].contains(deviation.count)
    else { throw .conflict("--mean and --std go together, three numbers each.") }
  }

  /// Refuses features that a network lacks, where it is named; that of a file shows when it is read.
  private func checkFeature() throws(UsageError) {
    guard [.descent, .logistic].contains(settings.classifier), let network = architecture else {
      return
    }
    let choice = settings.feature(of: network.architecture)
    if let problem = choice.problem(with: network.architecture) {
      throw .conflict(
        "\(network.rawValue): \(problem); give other --feature-blocks or --feature-pooling.")
    }
  }

  private static let descent = ["warmup-epochs", "label-smoothing", "clip-norm", "drop-path"]
  private static let training = [
    "layer-decay", "mixup", "cutmix", "erasing", "rand-augment", "groups", "accumulate",
  ]

  /// Refuses settings of another kind of classifier than the recipe's.
  private func checkClassifier() throws(UsageError) {
    let epochs = ["epochs", "batch-size", "learning-rates", "weight-decay"]
    let descent = Self.descent
    let logistic = ["regularizations", "iterations"]
    let features = ["feature-blocks", "feature-pooling", "cached"]
    let training =
      Self.training + ["save-minutes", "classifier", "eval-only"] + WatchOptions.looks
    var foreign: [(options: [String], reason: String)] =
      switch settings.classifier {
      case .descent: [(logistic, "descends step by step; --recipe logistic has it")]
      case .logistic: [(epochs + descent, "finds the optimum of a logistic regression")]
      case .attentive:
        [
          (
            logistic + descent + features + ["held-out", "shifts"],
            "gathers the tokens of the last block as it is"
          )
        ]
      case .endToEnd:
        [
          (logistic, "descends step by step; --recipe logistic has it"),
          (
            features + ["mean", "std", "attention-images"],
            "trains the whole network on pixels by ImageNet's mean"
          ),
        ]
      }
    if !settings.trainsNetwork {
      foreign.append((training, "leaves the backbone as it is; the recipes fine-tune-… have it"))
    }
    for (options, reason) in foreign {
      for option in options where given.contains(option) {
        throw .conflict("--\(option) is not for --recipe \(name.rawValue), which \(reason).")
      }
    }
    if settings.classifier == .logistic, !settings.isCached {
      throw .conflict("--no-cached: a logistic regression needs the same features throughout.")
    }
    if settings.classifier == .attentive, settings.learningRates.count > 1 {
      throw .conflict(
        "--learning-rates: an attentive probe takes one; nothing chooses among several.")
    }
  }
}
