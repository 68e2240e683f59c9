import CommandLine
import FileSupport
import Foundation
import Models
import Reporting
import SampleData
import TensorCore
import Threads
import VisionData

/// `bench-pretrain`, from arguments to a checkpoint.
public enum PretrainingCommand {
  /// Trains.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings or data.
  public static func run(_ parsed: ParsedOptions<PretrainingOptions>) throws -> ExitCode {
    let options = parsed.options
    try Engine.check()
    if options.quiet { ProgressReporter.silence() }
    if options.threads > 0 { ThreadPool.shared.threadCount = options.threads }
    let (data, name) = try dataSet(options)
    let plan = PretrainingPlan(options, imageCount: data.train.count)
    if options.isDryRun {
      Console.output(lines(plan))
      return .success
    }
    if !options.quiet {
      Console.error(
        "OpenBLAS core \(BLAS.coreName), \(ThreadPool.shared.threadCount) threads")
      Console.error("learning rate \(plan.learningRateRule)")
      for oddity in plan.recipe.oddities {
        Console.error("as in the reference: \(oddity) (--oddities mend)")
      }
    }
    let run = try PretrainingRun(
      plan, data: data, dataName: name, saveInterval: options.saveMinutes * 60,
      isQuiet: options.quiet)
    if options.forecastOnly {
      let forecast = try run.forecast()
      Console.output(forecast.text)
      try forecast.check(folder: ".")
      return .success
    }
    let outcome = try run.run(
      in: options.output, restarts: options.restarts, forecasts: options.forecasts)
    if let top1 = outcome.result.curves["knn_top1"]?.last, !options.quiet {
      Console.error(String(format: "kNN top-1 of the last epoch's probe %.1f", top1 * 100))
    }
    Console.output(outcome.path)
    return .success
  }

  private static func lines(_ plan: PretrainingPlan) -> String {
    plan.settings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      .joined(separator: "\n")
  }

  private static func dataSet(
    _ options: PretrainingOptions
  ) throws -> (data: ClassificationData, name: String) {
    guard options.data.isEmpty else {
      let data = try ClassificationData(root: options.data)
      if options.checks {
        try DatasetGate(root: options.data, policy: options.onBadImage).pass(
          DataCheck(root: options.data, depth: .quick).run(
            cachedIn: options.cache + "/checks", threadCount: ThreadPool.shared.threadCount))
      }
      return (data, (options.data as NSString).lastPathComponent)
    }
    let progress = ProgressReporter("sample set", total: SampleSet().fileCount, unit: "files")
    let root = try SampleSet().generate(at: "datasets/sample") { done, _ in
      progress.advance(to: done)
    }.classificationPath
    progress.finish()
    return (try ClassificationData(root: root), "sample")
  }
}
