import CommandLine
import FileSupport
import Foundation
import Models
import Reporting

/// The commands of `bench-report`.
public enum ReportCommands {
  /// Runs the command that the first argument names; options alone build the report.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-report", summary: "Compare the runs that are there.",
      commands: [
        Subcommand(
          "build", "Write one comparison of all runs; the default.", BuildReportOptions.self
        ) { try build($0.options) },
        Subcommand("explain", "Say where a number of the report comes from.", ExplainOptions.self) {
          try explain($0.options)
        },
        Subcommand("diff", "Compare two runs: settings, then numbers.", DiffOptions.self) {
          try difference($0.options)
        },
        Subcommand("check", "Hold the runs against numbers kept before.", CheckReportOptions.self) {
          try check($0.options)
        },
        Subcommand(
          "simulate", "Hold the tests against differences whose truth is known.",
          SimulateOptions.self
        ) { try SimulateCommand.run($0.options) },
      ], standard: "build",
      examples: ["swift run bench-report explain linear/moby/top1"], arguments: arguments)
  }

  // MARK: Build

  package static func build(_ options: BuildReportOptions) throws -> ExitCode {
    let watch = Stopwatch()
    var builder = try options.builder()
    let gallery = Gallery()
    builder.pictures = { gallery.pictures($0, $1, $2) }
    builder.ownPictures = { gallery.pictures($0) }
    // The page alone has the others.
    builder.offersBaselines = options.changesBaseline && options.formats.contains(.html)
    let catalogue = try RunCatalogue(paths: options.runs)
    try options.tests.requireMargins(of: catalogue.runs)
    let comparison = try builder.comparison(catalogue)
    for entry in comparison.leftOut {
      Console.error("left out: \(entry.path): \(entry.reason)")
    }
    // A report of nothing would take the place of one that was made before.
    guard !comparison.runs.isEmpty else {
      throw FileError(
        path: options.runs.joined(separator: ","),
        problem: "holds no finished run, so no report is made",
        remedy: "run a benchmark first or check the path", exitCode: .missingFile)
    }
    let files = ReportFiles(comparison, options.formats, folder: options.output)
    try files.write()
    let removed = files.removeStale()
    if !removed.isEmpty, !options.quiet {
      Console.error(
        "removed from \(options.output), where an earlier report left them: "
          + removed.joined(separator: ", "))
    }
    Console.output(
      options.json
        ? comparison.json.text(isPretty: true) : comparison.markdown(showsPublished: false))
    if !options.quiet {
      let seconds = String(format: "%.2f", watch.seconds)
      Console.error(
        "\(comparison.runs.count) runs in \(seconds) s: "
          + files.names.map { "\(options.output)/\($0)" }.joined(separator: ", "))
    }
    return .success
  }

  // MARK: Explain, diff, check

  private static func explain(_ options: ExplainOptions) throws -> ExitCode {
    var builder = try options.report.builder()
    builder.galleryCount = 0
    builder.references = nil
    let catalogue = try RunCatalogue(paths: options.report.runs)
    try options.report.tests.requireMargins(of: catalogue.runs)
    let comparison = try builder.comparison(catalogue)
    let names = comparison.cells.map(\.cell.id)
    if options.cell == "all" {
      Console.output(names.joined(separator: "\n"))
      return .success
    }
    guard let source = comparison.provenance(of: options.cell) else {
      let nearest = nearestName(to: options.cell, among: names).map { " Did you mean '\($0)'?" }
      throw UsageError.conflict(
        "'\(options.cell)' is no number of this report." + (nearest ?? " 'all' lists them."))
    }
    Console.output(source.text)
    return .success
  }

  private static func difference(_ options: DiffOptions) throws -> ExitCode {
    let runs = try [options.first, options.second].map { try StoredRun(folder: $0) }
    guard runs[0].path != runs[1].path else {
      throw UsageError.conflict("'\(options.first)' is named twice; name two runs.")
    }
    try options.tests.requireMargins(of: runs)
    Console.output(try RunComparison(runs[0], runs[1], builder: options.tests.builder()).markdown)
    return .success
  }

  private static func check(_ options: CheckReportOptions) throws -> ExitCode {
    let catalogue = try RunCatalogue(paths: options.runs)
    var builder = ComparisonBuilder()
    builder.galleryCount = 0
    let comparison = try builder.comparison(catalogue)
    let check = try ReferenceCheck(
      comparison, folder: options.references, synonyms: NetworkTable.synonyms,
      declared: options.configuration)
    for entry in comparison.leftOut {
      Console.error("left out: \(entry.path): \(entry.reason)")
    }
    Console.output(options.json ? check.table.json.text(isPretty: true) : check.table.markdown)
    return check.passes && comparison.leftOut.isEmpty ? .success : .gateFailed
  }
}
