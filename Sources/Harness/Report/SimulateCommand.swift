import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting

/// The settings of `bench-report simulate`.
struct SimulateOptions: CommandOptions {
  var tasks = SimulatedTask.allCases
  var images = [24, 100, 500, 5000]
  var trainings = [1, 3]
  var repetitions = 1000
  var swaps = 200
  var seed = 0
  var output: String?
  var engine = EngineOptions()

  static var table: OptionTable<SimulateOptions> {
    OptionTable(
      name: "bench-report simulate",
      summary: "Hold the report's tests and intervals against differences whose truth is known.",
      usage: "[--tasks <list>] [--images <list>] [options]",
      examples: [
        "swift run bench-report simulate --tasks AP --images 100 --repetitions 200",
        "swift run bench-report simulate --output reports/simulation.md",
      ]
    )
    .option("tasks", \.tasks, value: "list", .input, "Numbers whose outcomes are drawn.")
    .option(
      "images", \.images, in: .within(8, 1e5), value: "list", .protocolSettings,
      "Images of a comparison."
    )
    .option(
      "trainings", \.trainings, in: .within(1, 20), value: "list", .protocolSettings,
      "Trainings of each method."
    )
    .option(
      "repetitions", \.repetitions, in: .within(10, 1e6), value: "n", .protocolSettings,
      "Comparisons of each line, with and without a difference."
    )
    .option(
      "swaps", \.swaps, in: .within(20, 1e6), value: "n", .protocolSettings,
      "Random swaps of a permutation test."
    )
    .option("seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of all draws.")
    .option("output", \.output, value: "file", .output, "Also write the table as Markdown.")
    .options(EngineOptions.table, at: \.engine)
  }
}

/// `bench-report simulate`: a table of how often tests and intervals are right.
enum SimulateCommand {
  static func run(_ options: SimulateOptions) throws -> ExitCode {
    options.engine.apply()
    let tables = tables(options)
    Console.output(tables.map(\.markdown).joined(separator: "\n"))
    if let output = options.output {
      try AtomicFile.write(text: text(tables, options), to: output)
    }
    return .success
  }

  /// Of differences and of single numbers, one line a number, count of trainings, and count of images.
  private static func tables(_ options: SimulateOptions) -> [Table] {
    var differences = Table(
      caption:
        "Differences where the truth is known; parts of all comparisons in %, ± two deviations "
        + "of chance",
      columns: [
        .init("number", isNumeric: false), .init("trainings"), .init("images"),
        .init("comparisons"), .init("test", isNumeric: false), .init("false claims"),
        .init("covered, no difference"), .init("covered, a difference"),
        .init("false equivalence"), .init("power"), .init("finds, printed"),
        .init("interval", isNumeric: false),
      ])
    var numbers = Table(
      caption: "Intervals of one method's number that hold it, %",
      columns: [
        .init("number", isNumeric: false), .init("trainings"), .init("images"),
        .init("repetitions"),
        .init("interval", isNumeric: false), .init("covered"),
      ])
    for task in options.tasks {
      for trainings in options.trainings {
        let truth = SimulatedTruth(
          task, hasTrainings: trainings > 1, seed: UInt64(options.seed))
        for images in options.images {
          let forms = task == .classification && trainings == 1 ? McNemar.allCases : [.exact]
          for form in forms {
            // A comparison takes as long as its images are many.
            let least = min(200, options.repetitions)
            let simulation = TestSimulation(
              task, imageCount: images, trainingCount: trainings,
              repetitions: min(
                options.repetitions, max(least, options.repetitions * 500 / images)),
              drawCount: options.swaps, mcNemar: form, seed: UInt64(options.seed))
            let label = "\(task.rawValue), \(images) images, \(trainings) training"
            let progress = ProgressReporter(
              label, total: 2 * simulation.repetitions, unit: "comparisons")
            let found = simulation.run(truth: truth) { done, _ in progress.advance(to: done) }
            progress.finish()
            differences.add(line(found, simulation))
            guard form == forms[0] else { continue }
            numbers.add([
              task.rawValue, String(trainings), String(images), String(simulation.repetitions),
              trainings > 1
                ? "images and trainings" : task == .classification ? "Wilson" : "studentised",
              part(found.coverageOfNumber, found)
                + (images >= Bootstrap.fewestImages || task == .classification
                  ? "" : ", not given"),
            ])
          }
        }
      }
    }
    return [differences, numbers]
  }

  /// Whether a report gives an interval of such a difference.
  private static func isGiven(_ simulation: TestSimulation) -> Bool {
    simulation.task == .classification && simulation.trainingCount == 1
      || simulation.imageCount >= PairedDifference.fewestImages
  }

  private static func part(_ value: Double, _ found: TestSimulation.Findings) -> String {
    value.isFinite ? "\(percentage(value)) ± \(percentage(2 * found.noise(value)))" : "-"
  }

  private static func line(
    _ found: TestSimulation.Findings, _ simulation: TestSimulation
  ) -> [String] {
    let test =
      simulation.trainingCount > 1
      ? "images and trainings"
      : simulation.task == .classification ? "McNemar, \(simulation.mcNemar.rawValue)" : "swaps"
    return [
      simulation.task.rawValue, String(simulation.trainingCount), String(simulation.imageCount),
      String(found.count), test,
    ]
      + [
        found.falseClaims, found.coverageAtZero, found.coverage, found.falseEquivalence,
        found.power,
      ].map { part($0, found) } + [
        found.printed.isFinite ? points(found.printed) : "none",
        isGiven(simulation) ? "given" : "n too small, none given",
      ]
  }

  private static func text(_ tables: [Table], _ options: SimulateOptions) -> String {
    """
    # Verdicts where the truth is known

    Made by `swift run bench-report simulate --repetitions \(options.repetitions)
    --swaps \(options.swaps) --seed \(options.seed) --output <this file>`; comparisons of many images are fewer.

    Two methods see the same images; how hard an image and its objects are is common to both, and the
    second method's mistakes look different also where the numbers are equal. "False claims": better
    or worse said of equal numbers, 5 % is right. "Covered": 95 % intervals that hold the truth.
    "False equivalence": `equivalent` said of a difference of just the margin, 5 % is right. "Power":
    how often a difference of the size that the comparisons print as found four times out of five was
    found, 80 % is right. With three trainings each training draws its own skill, and the truth is
    that of the methods.

    \(tables[0].markdown)
    \(tables[1].markdown)
    """
  }
}

extension SimulatedTask: OptionChoice {}
