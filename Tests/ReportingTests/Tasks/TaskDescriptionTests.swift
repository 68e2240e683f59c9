import Evaluation
import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing

@Suite("Task descriptions", .timeLimit(.minutes(5)))
struct TaskDescriptionTests {
  @Test("Names of tasks and of each task's numbers occur once")
  func names() {
    #expect(Set(TaskDescription.all.map(\.name)).count == TaskDescription.all.count)
    for task in TaskDescription.all {
      #expect(Set(task.metrics.map(\.key)).count == task.metrics.count)
      #expect(task.primaryMetric != nil)
    }
  }

  @Test("Published figures and expectations of a task are files that the repository ships")
  func references() {
    for name in TaskDescription.all.flatMap(\.references) {
      #expect(FileManager.default.fileExists(atPath: SyntheticRuns.references + "/" + name))
    }
  }

  @Test("No source of Reporting outside of Tasks names a task")
  func neutral() throws {
    let folder = SourceTree.root.path + "/Sources/Reporting"
    let names = TaskDescription.all.map { "\"\($0.name)\"" }
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".swift") && !$0.hasPrefix("Tasks/") }
    #expect(files.count > 20)
    for file in files {
      let text = String(decoding: try FileBytes.read(folder + "/" + file), as: UTF8.self)
      for name in names { #expect(!text.contains(name), "\(file) names \(name)") }
    }
  }

  @Test("A task that this version does not know shows every number untested")
  func unknown() {
    var result = RunResult(task: "depth", backbone: [:], data: [:], settings: [:])
    result.metrics = ["rmse": MetricValue(0.4, count: 3), "delta": MetricValue(0.9, count: 3)]
    let task = result.description
    #expect(task.name == "depth" && task.metrics.map(\.key) == ["delta", "rmse"])
    #expect(task.metrics.allSatisfy { $0.test == .none })
  }

  @Test("Of the numbers of neighbours one is shown, twenty if the run has it")
  func family() throws {
    let runs = try SyntheticRuns()
    for (name, counts) in [("A", [10, 20, 100]), ("B", [10, 100])] {
      var result = RunResult(
        task: "linear", backbone: ["name": name], data: ["name": name], settings: [:])
      for k in counts { result.metrics["knn_\(k)"] = MetricValue(0.5, count: 10) }
      try runs.write(result, to: runs.path + "/" + name, command: "c")
    }
    let shown = try runs.comparison().sections.map { $0.metrics.map(\.key) }
    #expect(shown == [["knn_20"], ["knn_10"]])
  }

  @Test("Numbers are written by their unit, and less is better where the description says so")
  func units() throws {
    #expect(MetricUnit.percent.text(0.753) == "75.3")
    #expect(MetricUnit.percent.difference(-0.0025) == "−0.25")
    let metres = MetricUnit(decimals: 2, name: "m")
    #expect(metres.text(1.234, Interval(low: 1, high: 1.5)) == "1.23 [1.00, 1.50]")
    #expect(metres.difference(0.5) == "+0.500" && metres.difference(0) == "0.000")
  }

  @Test("A task shows the numbers of its score, and each by which side is better")
  func scoreNumbers() {
    let shown = ClassificationScore.numbers.filter(\.isShown).map(\.name)
    #expect(TaskDescription.linear.metrics.map(\.key).starts(with: shown))
    #expect(shown.first == "top1" && shown.contains("top5") && !shown.contains("mean_class"))
    let error = ClassificationScore.numbers[0].with { $0.moreIsBetter = false }
    #expect(!MetricDescription(error).moreIsBetter)
    #expect(TaskDescription.linear.metrics[0].moreIsBetter)
  }

  @Test("What a classifier and its neighbours said reads back as it was written")
  func records() throws {
    let folder = try TemporaryDirectory()
    let answers = (0..<6).map {
      ClassificationRecord(index: $0, label: $0 % 3, predictions: [$0 % 2, 2], rank: $0 % 4)
    }
    let lines = [0, 1].flatMap { seed in answers.map { RecordLines.line($0.json(seed: seed)) } }
    try AtomicFile.write(text: lines.joined(), to: folder.file("records.jsonl"))
    let votes = NeighbourRecords.rows([(10, answers), (20, answers.reversed())])
    try AtomicFile.write(
      text: votes.map(RecordLines.line).joined(), to: folder.file("knn.jsonl"))
    let read = TaskDescription.linear.records(folder.path)
    let top1 = try #require(try read.paired("top1"))
    #expect(top1.images == Array(0..<6) && top1.seeds.count == 2)
    #expect(top1.seeds[1] == answers.map { $0.rank == 0 })
    var score = ClassificationScore(classCount: 4)
    for answer in answers { score.add(answer) }
    for number in ClassificationScore.numbers where number.test == .paired {
      let outcomes = try #require(try read.paired(number.name), "\(number.name)")
      let shares = outcomes.seeds.map { Double($0.count { $0 }) / Double($0.count) }
      #expect(shares == [number.value(score), number.value(score)])
    }
    #expect(try read.paired("mean_class") == nil)
    let classified = try #require(try read.classified())
    #expect(classified.predictions == answers.map { $0.predictions[0] })
    #expect(classified.labels == answers.map(\.label))
    let voted = try #require(try read.paired("knn_10"))
    #expect(voted.seeds == [answers.map { $0.predictions[0] == $0.label }])
    #expect(try read.paired("knn_200") == nil && read.imageScores() == nil)
  }
}
