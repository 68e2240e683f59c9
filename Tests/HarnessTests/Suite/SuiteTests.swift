import CommandLine
import FileSupport
import Foundation
import SampleData
import TestSupport
import Testing

@testable import Harness

/// The suite's plan, and the suite as a child process.
@Suite("bench-suite", .serialized, .timeLimit(.minutes(10)))
struct SuiteTests {
  private func job(_ task: SuiteTask, hours: Double) -> SuiteJob.Prepared {
    SuiteJob.Prepared(
      job: SuiteJob(task, data: "/data/x", SuiteOptions()),
      seconds: hours * 3600, run: { [] })
  }

  @Test("A budget leaves out what does not fit, and the forecast says so")
  func budget() {
    let jobs = [job(.linear, hours: 0), job(.ade20k, hours: 2), job(.coco, hours: 30)]
    let plan = SuitePlan(jobs, budget: 3 * 3600)
    #expect(plan.jobs.map(\.job.task) == [.linear, .ade20k])
    #expect(
      plan.text == """
        forecast: about 2.0 h
          bench-linear on x: done before
          bench-ade20k on x: about 2.0 h
          bench-coco on x: about 30.0 h, left out by --budget
        """)
    #expect(SuitePlan(jobs, budget: nil).leftOut.isEmpty)
  }

  @Test("Backbones that tasks share are counted once, and against the budget")
  func backbones() {
    var jobs = [job(.linear, hours: 1), job(.ade20k, hours: 2)]
    jobs[0].backbones = ["moby": 7200, "supervised": 360]
    jobs[1].backbones = ["moby": 7200]
    let plan = SuitePlan(jobs, budget: nil)
    #expect(
      plan.text == """
        forecast: about 5.1 h
          the suite's own backbones, made once: about 2.1 h
          bench-linear on x: about 60 min
          bench-ade20k on x: about 2.0 h
        """)
    // What was left out brings no backbone along, and then the next has to make its own.
    let short = SuitePlan(jobs, budget: 3 * 3600)
    #expect(short.jobs.isEmpty && short.backboneSeconds == 0)
    #expect(SuitePlan(jobs, budget: 4 * 3600).jobs.map(\.job.task) == [.linear])
  }

  @Test(
    "What the suite decides itself is not handed through")
  func handedThrough() throws {
    for (arguments, words) in [
      (["--linear=--cached --output elsewhere"], "--linear hands --output through"),
      (["--coco=--dry-run"], "--coco hands --dry-run through"),
      (["--coco=--images 'my photos"], "--coco has a quote that is not closed"),
      (["--linear=--data x"], "--linear hands --data through"),
      (["--linear=--backbone=x"], "decides; give --backbone to bench-suite."),
      (
        ["--linear=--seeds 1", "--seeds", "2,3"], "--seeds is given to bench-suite and in --linear"
      ),
      (["--ade20k=--no-quiet", "--quiet"], "--quiet is given to bench-suite and in --ade20k"),
      (
        ["--coco=--epochs 3", "--tasks", "linear"], "--coco is for bench-coco, which --tasks leaves"
      ),
    ] {
      let error = #expect(throws: UsageError.self) { try SuiteOptions.table.parse(arguments) }
      #expect(error?.description.contains(words) == true, "\(error as Any)")
    }
    // What the suite was not told may differ from task to task.
    let differing = try SuiteOptions.table.parse(["--linear=--seeds 1 --preset smoke"]).options
    #expect(
      differing.arguments(for: .linear, data: nil).prefix(4) == [
        "--seeds", "1", "--preset", "smoke",
      ])
  }

  @Test("A task's options without data for it are refused, and folders of two layouts have both")
  func dataOfTasks() throws {
    let folder = try TemporaryDirectory()
    for path in ["train/cat/1.jpg", "annotations/instances_train2017.json", "train2017/1.jpg"] {
      try AtomicFile.write(text: "1", to: folder.file(path))
    }
    func jobs(_ arguments: String...) throws -> [SuiteTask] {
      try SuiteJob.all(
        SuiteOptions.table.parse(["--data", folder.path, "--quiet"] + arguments).options
      ).map(\.task)
    }
    #expect(try Set(jobs("--coco=--epochs 3")) == [.coco, .linear])
    let error = #expect(throws: UsageError.self) { try jobs("--ade20k=--epochs 3") }
    #expect(error?.description.contains("holds no data for it") == true, "\(error as Any)")
    let named = #expect(throws: UsageError.self) { try jobs("--tasks", "coco,ade20k") }
    #expect(named?.description.hasPrefix("--tasks names ade20k, and ") == true)
    #expect(try jobs("--tasks", "coco") == [.coco])
  }

  @Test("Times of a budget are read, and others refused")
  func times() {
    #expect(TimeBudget("90m")?.seconds == 5400 && TimeBudget("1.5d")?.seconds == 129_600)
    for text in ["", "2", "h", "-1h", "0h", "1e9d", "2w", "nanh"] {
      #expect(TimeBudget(text) == nil, "\(text)")
    }
  }

  @Test("The suite finds data sets of all kinds, goes on where it stopped, and reports")
  func whole() throws {
    let folder = try TemporaryDirectory()
    var settings = SampleSettings()
    (settings.trainingImagesPerClass, settings.validationImagesPerClass) = (3, 2)
    settings.sceneSize = 96
    settings.instanceScenes = .init(training: 4, validation: 2)
    settings.segmentationScenes = .init(training: 4, validation: 2)
    try SampleSet(settings).generate(at: folder.file("data"))
    let options = [
      "--data", "data", "--backbone", "random", "--preset", "smoke", "--output", "out", "--threads",
      "1", "--no-open",
    ]
    func run(_ more: [String] = [], status: Int32 = 0) throws -> ChildProgram.Outcome {
      let small = more.contains("--tasks") ? [] : ["--coco=--image-scale 0.5"]
      let outcome = try ChildProgram.run("bench-suite", options + small + more, in: folder.path)
      #expect(outcome.status == status, "\(outcome.errors)")
      return outcome
    }
    let forecast = try run(["--dry-run"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    for task in SuiteTask.allCases {
      #expect(forecast.errors.contains("  \(task.program) on "), "\(forecast.errors)")
    }
    for recipe in ["knn", "linear-40k"] {
      let frozen = try run(["--dry-run", "--tasks", "ade20k", "--ade20k=--recipe \(recipe)"])
      #expect(
        frozen.errors.contains("  bench-ade20k on ade20k: about"), "\(recipe): \(frozen.errors)")
    }
    // What is measured is two images, whatever the batch is cut into.
    _ = try run(["--dry-run", "--tasks", "ade20k", "--ade20k=--batch-size 4 --groups 4"])
    // A checkpoint that is none takes no other along.
    try AtomicFile.write(text: "none", to: folder.file("broken.pth"))
    let rest = try ChildProgram.run(
      "bench-suite",
      [
        "--data", "data", "--backbone", "random,broken.pth", "--preset", "smoke", "--dry-run",
        "--tasks", "linear", "--threads", "1",
      ], in: folder.path)
    #expect(rest.status == 1 && rest.errors.contains("broken.pth: is neither"), "\(rest.errors)")
    #expect(rest.errors.contains("  bench-linear on classification: about"), "\(rest.errors)")
    let first = try run()
    #expect(!first.errors.contains("done before"))
    let page = try FileBytes.read(folder.file("out/report.html"))
    let again = try run()
    #expect(again.errors.components(separatedBy: "done before").count == 4, "\(again.errors)")
    #expect(try FileBytes.read(folder.file("out/report.html")) == page)
    // What was done is what is still there, of the data and weights that are there now.
    let images = folder.file("data/classification/val")
    let image = try #require(try FileTree.files(below: images).files.first)
    try AtomicFile.write(
      FileBytes.read(images + "/" + (try #require(try FileTree.files(below: images).files.last))),
      to: images + "/" + image)
    let changed = try run(["--dry-run"])
    #expect(changed.errors.components(separatedBy: "done before").count == 3, "\(changed.errors)")
    #expect(changed.errors.contains("bench-linear on classification: about"))
    for run in try FileManager.default.contentsOfDirectory(atPath: folder.file("out/runs"))
    where run.hasPrefix("coco-") {
      try FileManager.default.removeItem(atPath: folder.file("out/runs/" + run))
    }
    let deleted = try run(["--dry-run"])
    #expect(deleted.errors.contains("bench-coco on coco: about"), "\(deleted.errors)")
    #expect(deleted.errors.contains("bench-ade20k on ade20k: done before"), "\(deleted.errors)")
    // A path that leads nowhere is said once, before anything is opened.
    let nowhere = try ChildProgram.run(
      "bench-suite", ["--data", "data", "--backbone", "random,none.pth", "--no-open"],
      in: folder.path)
    #expect(nowhere.status == 66 && nowhere.failures.count == 1, "\(nowhere.errors)")
    // What the configuration says is the same suite.
    let configured = try ChildProgram.run(
      "bench-suite", ["--config", "out/config.json", "--print-config"], in: folder.path)
    #expect(
      configured.output
        == String(decoding: try FileBytes.read(folder.file("out/config.json")), as: UTF8.self))
    let refused = try run(["--budget", "soon"], status: 64)
    #expect(refused.errors.contains("give a time as 90m"))
    let empty = try ChildProgram.run("bench-suite", ["--data", "out"], in: folder.path)
    #expect(empty.status == 66 && empty.errors.contains("holds no data for"), "\(empty.errors)")
  }
}
