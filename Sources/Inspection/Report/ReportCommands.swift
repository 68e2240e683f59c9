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
    builder.offersBaselines = options.changesBaseline
    let catalogue = try RunCatalogue(paths: options.runs)
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
    let names = try write(comparison, options)
    Console.output(
      options.json
        ? comparison.json.text(isPretty: true) : comparison.markdown(showsPublished: false))
    if !options.quiet {
      let seconds = String(format: "%.2f", watch.seconds)
      Console.error(
        "\(comparison.runs.count) runs in \(seconds) s: "
          + names.map { "\(options.output)/\($0)" }.joined(separator: ", "))
    }
    return .success
  }

  /// Writes every form; nothing where one of them cannot be.
  private static func write(
    _ comparison: Comparison, _ options: BuildReportOptions
  ) throws(FileError) -> [String] {
    var names: [String] = []
    var files: [(path: String, bytes: [UInt8])] = []
    func add(_ text: String, _ path: String) { files.append((path, Array(text.utf8))) }
    for format in options.formats {
      let name = format == .events ? "events" : "report.\(format.rawValue)"
      let path = options.output + "/" + name
      switch format {
      case .html: add(comparison.html, path)
      case .md: add(comparison.markdown, path)
      case .csv: add(comparison.csv, path)
      case .json: add(comparison.json.text(isPretty: true) + "\n", path)
      case .tex: add(comparison.latex, path)
      case .events:
        for section in comparison.sections {
          for row in section.rows {
            for (number, run) in row.runs.enumerated() {
              let folder =
                RelativePath.ownSlug("\(section.id)-\(row.slug)")
                + (row.runs.count > 1 ? "-\(number + 1)" : "")
              files.append(
                ("\(path)/\(folder)/events.out.tfevents.0.swinbench", run.eventFile.bytes))
              add(run.stepMetrics, "\(path)/\(folder)/metrics.jsonl")
            }
          }
        }
      }
      names.append(name)
    }
    try OutputPath.checkFiles(files.map(\.path))
    for file in files { try AtomicFile.write(file.bytes, to: file.path) }
    return names
  }

  // MARK: Explain, diff, check

  private static func explain(_ options: ExplainOptions) throws -> ExitCode {
    var builder = try options.report.builder()
    builder.galleryCount = 0
    builder.references = nil
    let comparison = try builder.comparison(try RunCatalogue(paths: options.report.runs))
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
