import CommandLine
import FileSupport
import Foundation
import Models
import Reporting
import SampleData
import VisionData

/// `bench-pretrain`, from arguments to a checkpoint.
public enum PretrainingCommand {
  /// Trains.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings or data.
  public static func run(_ parsed: ParsedOptions<PretrainingOptions>) throws -> ExitCode {
    let options = parsed.options
    let context = try RunContext(options.run, data: options.data, preset: options.preset)
    let source = try context.source(\.classificationPath)
    let data = try context.classification(source)
    let plan = PretrainingPlan(options, imageCount: data.train.count)
    if options.run.isDryRun {
      Console.output(
        plan.settings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
          .joined(separator: "\n"))
      return .success
    }
    context.say("learning rate \(plan.learningRateRule)")
    for oddity in plan.recipe.oddities {
      context.say("as in the reference: \(oddity) (--oddities mend)")
    }
    let run = try PretrainingRun(
      plan, data: data, dataName: source.name, saveInterval: options.saveMinutes * 60,
      isQuiet: options.run.engine.quiet)
    if options.forecastOnly {
      let forecast = try run.forecast()
      Console.output(forecast.text)
      try forecast.check(folder: ".")
      return .success
    }
    let outcome = try run.run(
      in: options.run.output, restarts: options.run.restarts, forecasts: options.forecasts)
    if let top1 = outcome.result.curves["knn_top1"]?.last {
      context.say(String(format: "kNN top-1 of the last epoch's probe %.1f", top1 * 100))
    }
    Console.output(
      options.run.isJSON ? outcome.result.json.text(isPretty: true) : outcome.path)
    return .success
  }
}
