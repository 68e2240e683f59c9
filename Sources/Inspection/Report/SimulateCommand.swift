import CommandLine
import Evaluation
import FileSupport
import Reporting
import Runs

/// The settings of `bench-report simulate`.
package struct SimulateOptions: CommandOptions {
  var tasks = SimulatedTask.allCases
  var images = [24, 100, 500, 5000]
  var trainings = [1, 3]
  var repetitions = 1000
  var swaps = 200
  var seed = 0
  var output: String?
  var engine = EngineOptions()

  package init() {}

  package static var table: OptionTable<SimulateOptions> {
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
    try options.engine.apply()
    let tables = tables(options)
    Console.output(tables.all.map(\.markdown).joined(separator: "\n"))
    if let output = options.output {
      try AtomicFile.write(
        text: tables.document(
          command: "bench-report simulate --repetitions \(options.repetitions)\n"
            + "--swaps \(options.swaps) --seed \(options.seed) --output <this file>"), to: output)
    }
    return .success
  }

  /// One line a number, count of trainings, and count of images.
  private static func tables(_ options: SimulateOptions) -> SimulationTables {
    var tables = SimulationTables()
    for task in options.tasks {
      for trainings in options.trainings {
        let truth = SimulatedTruth(
          task, hasTrainings: trainings > 1, seed: UInt64(options.seed))
        for images in options.images {
          let forms = task == .classification && trainings == 1 ? McNemar.allCases : [.exact]
          for form in forms {
            let simulation = TestSimulation(
              task, imageCount: images, trainingCount: trainings,
              repetitions: options.repetitions, drawCount: options.swaps, mcNemar: form,
              seed: UInt64(options.seed))
            let label = "\(task.rawValue), \(images) images, \(trainings) training"
            let progress = ProgressReporter(
              label, total: 2 * simulation.repetitions, unit: "comparisons")
            let found = simulation.run(truth: truth) { done, _ in progress.advance(to: done) }
            progress.finish()
            tables.add(found, simulation, withNumber: form == forms[0])
          }
        }
      }
    }
    return tables
  }
}

extension SimulatedTask: OptionChoice {}
