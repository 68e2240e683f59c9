import CommandLine
import FileSupport
import Foundation
import Processes
import Protocols
import VisionData

/// One task on one data set.
struct SuiteJob {
  let task: SuiteTask
  /// The folder of its data; nil is the sample set.
  let data: String?
  private var options: SuiteOptions

  init(_ task: SuiteTask, data: String?, _ options: SuiteOptions) {
    (self.task, self.data, self.options) = (task, data, options)
  }

  /// What the program is told.
  var arguments: [String] { options.arguments(for: task, data: data) }
  /// The backbones that were named.
  var backbones: [String] { options.backbones }

  /// The same with some of its backbones.
  func keeping(_ backbones: [String]) -> SuiteJob {
    var job = self
    job.options.backbones = backbones
    return job
  }

  /// How many backbones are compared.
  private var candidateCount: Int {
    backbones.isEmpty ? ShortPretraining.usual.count : backbones.count
  }

  /// Its name in forecasts.
  var title: String {
    "\(task.program) on \(data.map { ($0 as NSString).lastPathComponent } ?? "the sample set")"
  }

  /// The program with its data open, and what it will take.
  struct Prepared {
    let job: SuiteJob
    /// About how many seconds; 0 where an earlier call of the suite did it all.
    let seconds: Double
    /// The seconds of backbones that it would have to make first, by what tells them apart: those of
    /// several tasks are made once.
    var backbones: [String: Double] = [:]
    /// What the suite's record knows it by.
    var key = ""
    /// Does it, and says where its runs are.
    let run: () throws -> [String]
  }

  /// Opens the data and measures a few steps.
  ///
  /// - Parameter record: What earlier calls did: of that nothing is measured.
  /// - Throws: What the program throws.
  func prepared(_ record: SuiteRecord) throws -> Prepared {
    switch task {
    case .linear:
      try LinearOptions.table.parse(arguments).options.settings.trainsNetwork
        ? prepared(ClassifierBenchmark.self, record) : prepared(LinearBenchmark.self, record)
    case .coco: try prepared(DetectionBenchmark.self, record)
    case .ade20k: try prepared(SegmentationBenchmark.self, record)
    }
  }

  private func prepared<Program: ComparisonProgram>(
    _ type: Program.Type, _ record: SuiteRecord
  ) throws -> Prepared {
    let program = try Program.opened(Program.Options.table.parse(arguments).options)
    // All processes must plan alike, so that one looks and measures; a training is shared among all.
    let cost = try Processes.told {
      let key = try SuiteRecord.key(
        self, data: program.dataIdentity, files: program.named.compactMap(\.path))
      return Cost(
        key: key, seconds: record.isDone(key) ? 0 : try seconds(of: program),
        // Those of a finished job are made again where they are gone.
        backbones: program.named.isEmpty ? try program.ownBackbones().pending() : [:])
    }
    return Prepared(
      job: self, seconds: cost.seconds / Double(Processes.current.size),
      backbones: cost.backbones, key: cost.key, run: program.run)
  }

  private func seconds(of program: some ComparisonProgram) throws -> Double {
    program.named.isEmpty
      ? try program.seconds(of: .fresh) * Double(candidateCount)
      : try program.named.reduce(0) { try $0 + program.seconds(of: $1) }
  }

  private struct Cost: Codable {
    let key: String
    let seconds: Double
    let backbones: [String: Double]
  }

  /// The tasks that a folder holds data for.
  ///
  /// - Throws: `DatasetError` where there is nothing, or the folder cannot be read.
  static func all(_ options: SuiteOptions) throws -> [SuiteJob] {
    guard let root = options.data else {
      return options.tasks.map { SuiteJob($0, data: nil, options) }
    }
    let sets = try DataLayout.all(in: root) { Console.error("left out: \($0.sentence)") }
    var jobs: [SuiteJob] = []
    for (folder, layouts) in sets {
      for layout in layouts {
        let task: SuiteTask =
          switch layout {
          case .classification: .linear
          case .detection: .coco
          case .segmentation: .ade20k
          }
        guard options.tasks.contains(task) else { continue }
        if !options.engine.quiet { Console.error("\(folder): \(layout.summary)") }
        jobs.append(SuiteJob(task, data: folder, options))
      }
    }
    guard !jobs.isEmpty else {
      throw DatasetError(
        path: root,
        problem: "holds no data for \(options.tasks.map(\.rawValue).joined(separator: ", "))",
        remedy: "give a data set, or a folder of data sets, in a layout of docs/data.md",
        exitCode: .missingFile)
    }
    // All three are what is there; fewer were asked for by name.
    if options.tasks.count < SuiteTask.allCases.count,
      let task = options.tasks.first(where: { task in !jobs.contains { $0.task == task } })
    {
      throw UsageError.conflict(
        "--tasks names \(task.rawValue), and \(root) holds no data for \(task.program); leave it out."
      )
    }
    for (task, text) in options.handedOn where !text.isEmpty {
      guard !jobs.contains(where: { $0.task == task }) else { continue }
      throw UsageError.conflict(
        "--\(task.rawValue) is for \(task.program), and \(root) holds no data for it; leave it out."
      )
    }
    return jobs
  }
}
