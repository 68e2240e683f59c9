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
      // Without a probe of epochs nothing is scored.
      return (source, try context.classification(source, trainsOnly: options.probeLimit == 0))
    }
    var plan = try PretrainingPlan(options, imageCount: data.train.count)
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
}
