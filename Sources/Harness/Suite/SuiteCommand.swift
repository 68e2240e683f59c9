import CommandLine
import FileSupport
import Foundation
import Inspection
import Processes
import Runs

/// Every task that a folder holds data for, and the report of them: `bench-suite`.
///
/// It tells the programs what a user would tell them, so a task that is run by hand and one of the
/// suite are the same run.
public struct SuiteCommand {
  private let options: SuiteOptions
  private let configuration: String

  /// Runs the program.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(SuiteOptions.self, arguments: arguments) { try run($0) }
  }

  /// Runs the suite.
  ///
  /// - Returns: The suite's status.
  /// - Throws: One sentence about what was wrong.
  private static func run(_ parsed: ParsedOptions<SuiteOptions>) throws -> ExitCode {
    if parsed.options.printsConfiguration {
      Console.output(parsed.configuration)
      return .success
    }
    return try SuiteCommand(
      options: parsed.options, configuration: parsed.configuration
    ).run()
  }

  private func run() throws -> ExitCode {
    try options.engine.join()
    // Once for all tasks, and before the first of them.
    for path in options.backbones where path != "random" { try FileBytes.requireReadable(path) }
    var record = SuiteRecord(folder: options.output, isFresh: options.restarts)
    var failed = 0
    var prepared: [SuiteJob.Prepared] = []
    for job in try SuiteJob.all(options) {
      say("\(job.title): a few steps, to know what it takes")
      let (ready, isWhole) = try prepare(job, record)
      if let ready { prepared.append(ready) }
      if !isWhole { failed += 1 }
    }
    // Each task decides one primary number: the sooner it is there, the more an hour decides.
    prepared.sort { $0.seconds < $1.seconds }
    let plan = SuitePlan(prepared, budget: options.budget.flatMap(TimeBudget.init)?.seconds)
    Console.error(plan.text)
    guard !options.isDryRun else { return failed > 0 ? .gateFailed : .success }
    // Why was said of each; there is nothing to report.
    guard !prepared.isEmpty else { return .gateFailed }
    if let first = plan.leftOut.first, plan.jobs.isEmpty {
      throw UsageError.conflict(
        "--budget \(options.budget ?? "") leaves out everything; \(first.job.title) takes about "
          + "\(SuitePlan.time(first.seconds)).")
    }
    try AtomicFile.write(text: configuration + "\n", to: options.output + "/config.json")
    for ready in plan.jobs {
      try Interruption.check()
      say(ready.job.title)
      let isDone: ()? = try attempt(ready.job.title) {
        try record.finish(ready.key, runs: ready.run())
      }
      if isDone == nil { failed += 1 }
    }
    let status = Processes.current.isRoot ? try report() : .success
    return failed > 0 && status == .success ? .gateFailed : status
  }

  /// A job that can begin, without those of its backbones that its program refuses.
  ///
  /// What is refused is said.
  ///
  /// - Returns: Nil where nothing is left, and whether nothing was refused.
  private func prepare(
    _ job: SuiteJob, _ record: SuiteRecord
  ) throws -> (ready: SuiteJob.Prepared?, isWhole: Bool) {
    let refusal: any Error
    do { return (try job.prepared(record), true) } catch { refusal = error }
    let names = job.backbones
    if names.count > 1, refusal is any ReportableError, !(refusal is InterruptedError),
      !(refusal is UsageError), Processes.current.size == 1
    {
      let good = try names.filter { name in
        try attempt(job.title) { try job.keeping([name]).prepared(record) } != nil
      }
      if good.isEmpty { return (nil, false) }
      if good.count < names.count {
        return (try attempt(job.title) { try job.keeping(good).prepared(record) }, false)
      }
      // Each alone is sound: what is wrong is wrong with all of them together.
    }
    return (try attempt(job.title) { throw refusal }, false)
  }

  /// Does a part of the suite; the rest goes on without it where it fails.
  ///
  /// Of several processes the others cannot know, so that all end.
  private func attempt<Value>(_ title: String, _ body: () throws -> Value) throws -> Value? {
    do {
      return try body()
    } catch let error as InterruptedError {
      throw error
    } catch let error as UsageError {
      throw error
    } catch let error as any ReportableError where Processes.current.size == 1 {
      Console.error("Error: \(title): \(error.sentence)")
      return nil
    }
  }

  private func report() throws -> ExitCode {
    var arguments = [
      "--runs", options.runFolder, "--output", options.output, "--cache", options.cache,
    ]
    if options.engine.quiet { arguments.append("--quiet") }
    let status = try ReportCommands.build(BuildReportOptions.table.parse(arguments).options)
    let page = options.output + "/report.html"
    if status == .success {
      say("open \(page)")
      if options.opens { Self.show(page) }
    }
    return status
  }

  /// Opens a page where there is a screen.
  private static func show(_ page: String) {
    let environment = ProcessInfo.processInfo.environment
    #if os(macOS)
      let opener: String? = "open"
    #else
      let opener: String? =
        (environment["DISPLAY"] ?? environment["WAYLAND_DISPLAY"]) == nil ? nil : "xdg-open"
    #endif
    guard let opener, isatty(STDERR_FILENO) == 1 else { return }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [opener, page]
    (process.standardOutput, process.standardError) = (
      FileHandle.nullDevice, FileHandle.nullDevice
    )
    try? process.run()
  }

  private func say(_ line: String) {
    if !options.engine.quiet { Console.error(line) }
  }
}
