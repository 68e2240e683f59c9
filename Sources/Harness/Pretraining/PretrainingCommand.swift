import CommandLine
import FileSupport
import Models
import Processes
import Reporting
import Runs
import SampleData
import VisionData

/// `bench-pretrain`, from arguments to checkpoints.
public enum PretrainingCommand {
  /// Trains, one backbone a seed.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings or data.
  public static func run(_ parsed: ParsedOptions<PretrainingOptions>) throws -> ExitCode {
    let options = parsed.options
    let context = try RunContext(options.run, data: options.data, preset: options.preset)
    let (source, data) = try Processes.rootFirst {
      let source = try context.source(\.classificationPath)
      let layout = try layout(options, of: source.root)
      return (source, try context.classification(source, as: layout))
    }
    var plan = try PretrainingPlan(options, imageCount: data.train.count)
    if data.train.classNames.isEmpty {
      plan.probeLimit = 0
      context.say("\(data.train.count) images without classes, so without a probe of epochs")
    }
    try PretrainingRun.check(plan, data: data)
    if options.run.isDryRun {
      Console.output(parsed.text(plan.settings))
      return .success
    }
    context.say("learning rate \(plan.learningRateRule)")
    for oddity in plan.recipe.oddities {
      context.say("as in the reference: \(oddity) (--oddities mend)")
    }
    for seed in options.seeds {
      plan.seed = seed
      let run = try Processes.rootFirst {
        try PretrainingRun(
          plan, data: data, dataName: source.name, digests: context.digests,
          saveInterval: options.saveMinutes * 60,
          isQuiet: options.run.engine.quiet)
      }
      if options.forecastOnly {
        let forecast = try run.forecast()
        Console.output(forecast.text)
        try forecast.check(folder: ".")
        return .success
      }
      let outcome = try run.run(
        options.run, forecasts: options.forecasts && seed == options.seeds[0])
      outcome.result.notes.forEach(context.say)
      if let top1 = outcome.result.curves["knn_top1"]?.last {
        context.say("kNN top-1 of the last epoch's probe \(percentage(top1))")
      }
      Console.output(
        options.run.isJSON ? outcome.result.json.text(isPretty: true) : outcome.path)
    }
    return .success
  }

  /// What a run needs of its data: classes where it is taught them, validation images where a probe
  /// scores epochs.
  ///
  /// - Throws: `DatasetError`; `UsageError` for a probe of images that have no classes.
  private static func layout(
    _ options: PretrainingOptions, of root: String
  ) throws -> ClassificationLayout {
    if options.recipe.settings.labels == nil,
      let images = try ClassificationLayout.unlabelled(root)
    {
      guard !options.asksForProbe else {
        throw UsageError.conflict(
          "--probe-limit \(options.probeLimit) needs classes to tell apart, and \(root) has none.")
      }
      return images
    }
    guard let layout = try ClassificationLayout.find(root) else {
      return try ClassificationLayout.expect(root)
    }
    guard options.probeLimit > 0 else { return layout.trainingAlone }
    if case .folder(let validation) = layout.validation, !FileTree.isFolder(validation) {
      throw DatasetError(
        path: validation, problem: "does not exist, and a probe scores each epoch on it",
        remedy: "add validation images, or train without a probe (--probe-limit 0)",
        exitCode: .missingFile)
    }
    return layout
  }
}
