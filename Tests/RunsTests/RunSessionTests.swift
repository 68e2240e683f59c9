import FileSupport
import Foundation
import Runs
import SampleData
import TestSupport
import Testing

/// What stands around every run, seen from outside: each test runs programs as a user would.
@Suite("Runs of the programs", .serialized, .timeLimit(.minutes(5)))
struct RunSessionTests {
  /// A program with settings that take a second.
  struct Job: Sendable, CustomTestStringConvertible {
    let program, task: String
    let arguments: [String]
    /// The option that names a data set of the made folder.
    let data: String
    /// The files that its numbers come from.
    let records: [String]
    var testDescription: String { program }
  }

  static let linear = Job(
    program: "bench-linear", task: "linear",
    arguments: [
      "--architecture", "swin-mini", "--preset", "smoke", "--input-size", "32", "--batch-size",
      "16",
    ], data: "classification",
    records: ["records.jsonl", "knn.jsonl", "events.jsonl", "classifier-seed0.safetensors"])
  static let coco = Job(
    program: "bench-coco", task: "coco", arguments: ["--preset", "smoke", "--resamples", "20"],
    data: "coco", records: ["detections.jsonl", "bbox.matches", "segm.matches", "events.jsonl"])
  static let ade20k = Job(
    program: "bench-ade20k", task: "ade20k",
    arguments: ["--preset", "smoke", "--resamples", "20"], data: "ade20k",
    records: ["records.jsonl", "events.jsonl"])
  static let pretrain = Job(
    program: "bench-pretrain", task: "pretraining",
    arguments: ["--preset", "smoke", "--epochs", "1", "--no-forecast"], data: "classification",
    records: ["events.jsonl"])
  static let jobs = [linear, coco, ade20k, pretrain]
  static let denseJobs = [coco, ade20k]

  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (4, 2), instances: (8, 4), labels: (6, 3))).generate(
      at: folder.file("sample"))
    return folder
  }

  private func run(
    _ job: Job, _ arguments: [String] = [], in folder: TemporaryDirectory, output: String = "runs"
  ) throws -> ChildProgram.Outcome {
    try ChildProgram.run(
      job.program,
      job.arguments + (job.task == "pretraining" ? [] : ["--backbone", "random"])
        + ["--data", "sample/" + job.data, "--output", output] + arguments, in: folder.path)
  }

  /// The only run under a folder, by its path.
  private func onlyRun(_ job: Job, in folder: TemporaryDirectory, _ output: String = "runs") throws
    -> String
  {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file(output))
      .filter { $0.hasPrefix(job.task + "-random") || $0.hasPrefix("pretrain-") }
    try #require(names.count == 1, "\(names)")
    return folder.file(output) + "/" + names[0]
  }

  private func json(_ path: String) throws -> JSONValue {
    try #require(JSONValue(parsing: try FileBytes.read(path)), "\(path)")
  }

  private func keys(_ value: JSONValue?) -> [String] {
    guard case .object(let members)? = value else { return [] }
    return members.keys.sorted()
  }

  @Test(
    "Every program writes the same documents, and its key is the hash of its protocol",
    arguments: jobs)
  func documents(job: Job) throws {
    let folder = try prepare()
    let outcome = try run(job, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains(", preset smoke\n"))
    let path = try onlyRun(job, in: folder)
    let (settings, manifest) = (
      try json(path + "/protocol.json"), try json(path + "/manifest.json")
    )
    // Label maps of classes of one's own say their names.
    #expect(
      keys(settings).filter { $0 != "recipe" && ($0 != "classes" || job.task != "ade20k") }
        == ["backbone", "data", "engine", "schema", "settings", "task"])
    let key = SHA256.digest(settings.text())
    #expect(manifest["key"]?.stringValue == key && path.hasSuffix("-" + key.prefix(12)))
    #expect(keys(manifest) == ["backbone", "data", "engine", "key", "schema", "scoring"])
    let timing = try json(path + "/timing.json")
    #expect(
      keys(timing).filter { $0 != "steps" }
        == ["command", "phases", "products", "schema", "seconds", "threads"])
    #expect(timing["command"]?.stringValue?.hasPrefix(job.program + " ") == true)
    let files = try json(path + "/result.json")["files"]
    // A pretraining's checkpoints are kept by their hashes, too; they are named by method and length.
    let records = keys(files).filter { !$0.hasPrefix("moby_swin-mini") }
    #expect(records == job.records.sorted())
    #expect(keys(files).count - records.count == (job.task == "pretraining" ? 2 : 0))
    for name in keys(files) {
      #expect(try files?[name]?.stringValue == SHA256.digest(file: path + "/" + name), "\(name)")
    }
    let names = try ChildProgram.run(
      "bench-report", ["explain", "all", "--runs", "runs"], in: folder.path
    ).output.split(separator: "\n")
    guard job.task != "pretraining" else { return }
    let cell = try #require(names.first { $0.hasPrefix(job.task + "/") }, "\(names)")
    let explained = try ChildProgram.run(
      "bench-report", ["explain", String(cell), "--runs", "runs"], in: folder.path)
    for name in job.records {
      let digest = try SHA256.digest(file: path + "/" + name)
      #expect(explained.output.contains("\(name) \(digest)"), "\(explained.output)")
    }
  }

  @Test(
    "A finished run is found; an altered record is refused, an altered result made again",
    arguments: jobs)
  func finished(job: Job) throws {
    let folder = try prepare()
    let first = try run(job, in: folder)
    let path = try onlyRun(job, in: folder)
    let whole = try ChildProgram.files(under: path)
    let timing = try FileBytes.read(path + "/timing.json")
    let again = try run(job, in: folder)
    #expect(again.status == 0 && again.output == first.output)
    #expect(try FileBytes.read(path + "/timing.json") == timing, "it worked a second time")
    // The result is not trusted: its digest no longer fits.
    let result = String(decoding: try FileBytes.read(path + "/result.json"), as: UTF8.self)
    try AtomicFile.write(
      text: result.replacing("\"n\": ", with: "\"n\": 1"), to: path + "/result.json")
    #expect(try run(job, in: folder).output == first.output)
    #expect(try ChildProgram.files(under: path) == whole)
    // Nor are the files that it was made from.
    let record = path + "/" + job.records[0]
    try AtomicFile.write(try FileBytes.read(record).dropLast(2), to: record)
    let refused = try run(job, in: folder)
    #expect(refused.status == 65, "\(refused.errors)")
    #expect(refused.errors.contains(job.records[0] + ": is not the file"), "\(refused.errors)")
    let restarted = try run(job, ["--restart"], in: folder)
    #expect(restarted.status == 0 && restarted.output == first.output)
    #expect(try ChildProgram.files(under: path) == whole)
  }

  @Test(
    "Several seeds train one network each; the result has each number, its mean and spread",
    arguments: denseJobs)
  func seeds(job: Job) throws {
    let folder = try prepare()
    #expect(try run(job, ["--seeds", "0,3"], in: folder).status == 0)
    let path = try onlyRun(job, in: folder)
    #expect(try run(job, ["--seeds", "3"], in: folder, output: "alone").status == 0)
    let alone = try onlyRun(job, in: folder, "alone")
    for name in job.records {
      #expect(
        try FileBytes.read(path + "/seed-3/" + name) == FileBytes.read(alone + "/" + name),
        "\(name)")
    }
    let (both, one) = (try json(path + "/result.json"), try json(alone + "/result.json"))
    #expect(
      keys(both["files"]) == job.records.flatMap { ["seed-0/" + $0, "seed-3/" + $0] }.sorted())
    #expect(keys(both["curves"]) == ["loss_seed0", "loss_seed3"])
    let metric = job.task == "coco" ? "bbox/AP50" : "aAcc"
    func value(_ result: JSONValue, _ name: String) throws -> Double {
      try #require(result["metrics"]?[name]?["value"]?.doubleValue, "\(name)")
    }
    let (first, second) = (
      try value(both, metric + "_seed0"), try value(both, metric + "_seed3")
    )
    #expect(try value(one, metric) == second)
    #expect(try abs(value(both, metric) - (first + second) / 2) < 1e-12)
    #expect(
      try abs(value(both, metric + "_seed_deviation") - abs(first - second) / 2.squareRoot())
        < 1e-12)
    let again = try run(job, ["--seeds", "0,3"], in: folder)
    #expect(!again.errors.contains(/training \d+\//), "\(again.errors)")
    // In a report they are the seeds of one row.
    let explained = try ChildProgram.run(
      "bench-report",
      ["explain", "\(job.task)/random-initialisation/\(metric)", "--runs", "runs"],
      in: folder.path)
    #expect(explained.output.contains("over 2: "), "\(explained.output)\(explained.errors)")
    #expect(explained.output.contains("/seed-3\n"), "\(explained.output)")
  }

  @Test("Several seeds of bench-pretrain make one backbone each")
  func pretrainingSeeds() throws {
    let folder = try prepare()
    let both = try run(Self.pretrain, ["--seeds", "0,3"], in: folder)
    #expect(both.status == 0, "\(both.errors)")
    let paths = both.output.split(separator: "\n").map(String.init)
    #expect(paths.count == 2 && Set(paths).count == 2)
    let alone = try run(Self.pretrain, ["--seeds", "3"], in: folder, output: "alone")
    let path = try #require(alone.output.split(separator: "\n").first.map(String.init))
    #expect(
      try FileBytes.read(folder.file(path)) == FileBytes.read(folder.file(paths[1])))
  }

  @Test("An image that cannot be decoded stops a run or is left out and named", arguments: jobs)
  func badImage(job: Job) throws {
    let folder = try prepare()
    let image = try #require(
      FileManager.default.subpathsOfDirectory(atPath: folder.file("sample/" + job.data)).sorted()
        .first { $0.contains("train") && $0.lowercased().contains(".jp") })
    let victim = folder.file("sample/\(job.data)/\(image)")
    try AtomicFile.write(try FileBytes.read(victim).prefix(400), to: victim)
    let stopped = try run(job, in: folder)
    #expect(stopped.status == 65 && stopped.errors.contains(image), "\(stopped.errors)")
    let skipped = try run(job, ["--on-bad-image", "skip"], in: folder, output: "skipped")
    #expect(skipped.status == 0, "\(skipped.errors)")
    let path = try onlyRun(job, in: folder, "skipped")
    let result = String(decoding: try FileBytes.read(path + "/result.json"), as: UTF8.self)
    #expect(result.contains("could not be decoded"), "\(result)")
  }

  @Test("Faulty annotations stop bench-coco before its first step, as bench-data check says them")
  func faultyAnnotations() throws {
    let folder = try prepare()
    let path = folder.file("sample/coco/annotations/instances_train2017.json")
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    let at = try #require(text.firstRange(of: "\"image_id\""))
    let broken =
      text[..<at.lowerBound] + "\"image_id\": 999999, \"was\"" + text[at.upperBound...]
    try AtomicFile.write(text: String(broken), to: path)
    let stopped = try run(Self.coco, in: folder)
    #expect(stopped.status == 65)
    #expect(stopped.errors.contains("instances_train2017.json: "), "\(stopped.errors)")
    #expect(stopped.errors.contains("999999") && stopped.errors.contains("--no-check"))
    #expect(!stopped.errors.contains("training"))
    let checked = try ChildProgram.run(
      "bench-data", ["check", "--data", "sample/coco", "--quiet"], in: folder.path)
    #expect(checked.status == 1 && checked.output.contains("record/unknown-image"))
    #expect(try run(Self.coco, ["--no-check"], in: folder).status == 0)
  }

  @Test("A limit leaves images out and copies no annotations")
  func limit() throws {
    let folder = try prepare()
    #expect(try run(Self.coco, ["--limit", "2"], in: folder).status == 0)
    let path = try onlyRun(Self.coco, in: folder)
    #expect(try json(path + "/result.json")["data"]?["test images"]?.stringValue == "2")
    #expect(!FileManager.default.fileExists(atPath: folder.file("reports/cache/annotations")))
  }

  static let nonsense: [(program: String, arguments: [String], sentence: String)] = [
    ("bench-linear", ["--epochs", "0"], "option '--epochs' got '0', but must be a whole number"),
    (
      "bench-linear", ["--seeds", "-1"], "option '--seeds' got '-1', but must be a whole number of"
    ),
    ("bench-coco", ["--epochs", "0"], "option '--epochs' got '0', but must be a whole number"),
    ("bench-coco", ["--batch-size", "3"], "must be a whole number that is 1 or even"),
    ("bench-coco", ["--seeds", "1,1"], "--seeds names a seed twice."),
    ("bench-coco", ["--recipe", "tiny"], "must be one of mask-rcnn-1x, mask-rcnn-3x, cascade-1x"),
    (
      "bench-coco", ["--resamples", "1"], "option '--resamples' got '1', but must be a whole number"
    ),
    ("bench-ade20k", ["--iterations", "0"], "option '--iterations' got '0', but must be"),
    ("bench-ade20k", ["--learning-rate", "0"], "must be a number above 0"),
    ("bench-ade20k", ["--seeds", "-2"], "must be a whole number of at least 0"),
    ("bench-coco", ["--architecture", "vit-s-8"], "detectors and segmentors need swin-t,"),
    ("bench-ade20k", ["--eval-only"], "--eval-only needs --segmentor."),
    ("bench-pretrain", ["--epochs", "0"], "option '--epochs' got '0', but must be a whole number"),
    ("bench-pretrain", ["--seeds", "-1"], "option '--seeds' got '-1'"),
    ("bench-pretrain", ["--temperature", "0"], "must be a number from"),
    ("bench-data", ["make", "--seed", "-1"], "option '--seed' got '-1'"),
    ("bench-data", ["make", "--threads", "0"], "must be a whole number from 1 to 1024"),
    ("bench-report", ["--gallery", "-1"], "option '--gallery' got '-1'"),
    (
      "bench-report", ["--margin", "top1=0"],
      "--margin got 'top1=0'; give names with points above 0"
    ),
    ("bench-report", ["--mcnemar", "about"], "must be one of exact, mid-p"),
    ("bench-report", ["simulate", "--tasks", "top-5"], "must be one of top-1, mIoU, AP"),
    ("bench-coco", ["--margin", "AP"], "--margin got 'AP'"),
  ]

  @Test("Numbers that make no sense are refused with option, value and range", arguments: nonsense)
  func refused(program: String, arguments: [String], sentence: String) throws {
    let folder = try TemporaryDirectory()
    let outcome = try ChildProgram.run(program, arguments, in: folder.path)
    #expect(outcome.status == 64 && outcome.output.isEmpty)
    #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
  }

  @Test("A configuration file gives recipe, preset and numbers to every program", arguments: jobs)
  func configuration(job: Job) throws {
    let folder = try TemporaryDirectory()
    let recipe =
      [
        "linear": "moby", "coco": "cascade-3x", "ade20k": "upernet-40k", "pretraining": "paper",
      ][job.task] ?? ""
    try AtomicFile.write(
      text: #"{"recipe": "\#(recipe)", "preset": "smoke", "seeds": [1, 2], "batch-size": 8}"#,
      to: folder.file("c.json"))
    let outcome = try ChildProgram.run(
      job.program, ["--config", "c.json", "--dry-run"], in: folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for line in [
      #/recipe +\S+ +\(configuration\)/#, #/preset +smoke +\(configuration\)/#,
      #/seeds +1,2 +\(configuration\)/#, #/batch-size +8 +\(configuration\)/#,
      #/limit +\d+ +\(preset\)/#, #/batch-size: 8/#,
    ] {
      #expect(outcome.output.contains(line), "\(outcome.output)")
    }
  }
}
