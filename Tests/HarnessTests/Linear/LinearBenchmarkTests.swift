import CommandLine
import FileSupport
import Foundation
import Layers
import Models
import Reporting
import SampleData
import TestSupport
import Testing
import VisionData

@testable import Harness

/// Runs the program as a child process, as a user would.
@Suite("bench-linear", .serialized)
struct LinearBenchmarkTests {
  private func run(
    _ arguments: [String], in folder: TemporaryDirectory, killAfter seconds: Double? = nil,
    name: String = "bench-linear"
  ) throws -> ChildProgram.Outcome {
    try ChildProgram.run(name, arguments, in: folder.path, killAfter: seconds)
  }

  /// A small data set and the options of a run of a second.
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 4))).generate(at: folder.file("data"))
    return folder
  }

  private let base = [
    "--data", "data/classification", "--backbone", "random", "--architecture", "swin-mini",
    "--input-size", "32", "--batch-size", "16",
  ]

  private func runFiles(_ folder: TemporaryDirectory, _ output: String) throws -> [String: Data] {
    try ChildProgram.files(under: folder.file(output))
  }

  @Test("The same seed gives the same bytes, on one thread and on two")
  func determinism() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "3", "--warmup-epochs", "1", "--learning-rates", "0.5,2"]
    let first = try run(options + ["--output", "a"], in: folder)
    #expect(first.status == 0, "\(first.errors)")
    let second = try run(
      options + ["--output", "b", "--cache", "other", "--threads", "1"], in: folder)
    #expect(second.output == first.output)
    let files = try runFiles(folder, "a")
    #expect(files.keys.contains { $0.hasSuffix("result.json") })
    #expect(files.keys.contains { $0.hasSuffix("records.jsonl") })
    #expect(try runFiles(folder, "b") == files)
    let path = try #require(files.keys.first { $0.hasSuffix("attention.json") })
    let run = (folder.file("a/" + path) as NSString).deletingLastPathComponent
    let attention = try #require(RunAttention(folder: run))
    #expect(attention.view == .init(shorterSide: 36, crop: 32, filter: "bilinear"))
    #expect(attention.images.count == 4)
    #expect(RunImages(folder: run)?.path(of: attention.images[3].index) != nil)
    for map in attention.images.flatMap(\.maps) {
      // Maps of 2 and 1 tokens a side are windows of their own.
      #expect(map.rows == map.columns && map.rows * map.columns * map.headCount == map.values.count)
      for head in 0..<map.headCount {
        #expect(abs(map.head(head).reduce(0, +) - 1) < 1e-4, "\(map.title)")
      }
    }
  }

  @Test("A backbone with batch norms is pretrained, and probed by its running statistics")
  func batchNorms() throws {
    let folder = try prepare()
    let made = try run(
      [
        "--data", "data/classification", "--preset", "smoke", "--architecture", "swin-mini-bn",
        "--epochs", "2", "--batch-size", "8", "--no-forecast", "--probe-limit", "0", "--quiet",
        "--output", "made",
      ], in: folder, name: "bench-pretrain")
    #expect(made.status == 0, "\(made.errors)")
    let name = try #require(try runFiles(folder, "made").keys.first { $0.hasSuffix(".pth") })
    let options = base.map {
      $0 == "random" ? "made/" + name : $0 == "swin-mini" ? "swin-mini-bn" : $0
    }
    let probed = try run(
      options + ["--epochs", "1", "--warmup-epochs", "0", "--output", "runs"], in: folder)
    #expect(probed.status == 0, "\(probed.errors)")
    #expect(probed.output.contains("Swin-mini (batch norm before MLP)"), "\(probed.output)")
    #expect(probed.output.contains("by running statistics"), "\(probed.output)")
    // Features of the same images again, in other batches, are the same numbers.
    let cached = options + ["--epochs", "1", "--warmup-epochs", "0", "--cached", "--output"]
    for (output, threads) in [("a", "1"), ("b", "2")] {
      let again = try run(
        cached + [output, "--threads", threads, "--cache", "cache-" + output], in: folder)
      #expect(again.status == 0, "\(again.errors)")
      #expect(!again.output.contains("by running statistics"))
    }
    #expect(try runFiles(folder, "a") == runFiles(folder, "b"))
    let other = try run(
      options.map { $0 == "swin-mini-bn" ? "swin-mini" : $0 } + ["--output", "runs"], in: folder)
    #expect(other.status == 65, "\(other.errors)")
    #expect(other.errors.contains("where Swin-mini is needed"), "\(other.errors)")
  }

  @Test("Attention is kept of as many images as are asked for, and of none")
  func attention() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "1", "--warmup-epochs", "0", "--cached"]
    for (count, output) in [(2, "two"), (0, "none")] {
      let outcome = try run(
        options + ["--attention-images", "\(count)", "--output", output], in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let files = try runFiles(folder, output).keys.filter { $0.hasSuffix("attention.json") }
      #expect(files.count == min(count, 1))
    }
  }

  @Test("A run killed at any moment resumes and ends in the same bytes")
  func resume() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "12", "--warmup-epochs", "2", "--output"]
    #expect(try run(options + ["whole"], in: folder).status == 0)
    for round in 0..<3 {
      let cut = try ChildProgram.run(
        "bench-linear", options + ["killed"], in: folder.path, killAfter: 0.01 * Double(round),
        states: 1 + round, output: "killed")
      #expect(cut.status == SIGKILL, "round \(round) ended before it was killed")
      #expect(cut.errors.contains("going on after step") == (round > 0), "\(cut.errors)")
    }
    let last = try run(options + ["killed"], in: folder)
    #expect(last.status == 0 && last.errors.contains("going on after step"), "\(last.errors)")
    #expect(try runFiles(folder, "killed") == runFiles(folder, "whole"))
  }

  @Test(
    "Checkpoints that are called alike are told apart, and one that is not there is missed first")
  func namesakes() throws {
    let folder = try prepare()
    let swin = SwinTransformer(.mini, inputSize: 32, initializer: Initializer(seed: 1))
    for name in ["a/model.pth", "b/model.pth"] {
      try CheckpointWriter.write(StateDictionary(swin).entries, to: folder.file(name))
    }
    let short = [
      "--data", "data/classification", "--input-size", "32", "--batch-size", "16", "--epochs", "1",
      "--warmup-epochs", "0", "--cached",
    ]
    let missed = try run(short + ["--backbone", "a/model.pth,c.pth"], in: folder)
    #expect(missed.status == 66 && missed.errors.contains("c.pth: does not exist"))
    #expect(!missed.errors.contains("features"), "\(missed.errors)")
    let both = try run(short + ["--backbone", "a/model.pth,b/model.pth"], in: folder)
    #expect(both.status == 0, "\(both.errors)")
    #expect(
      both.output.contains("| a/model ") && both.output.contains("| b/model "), "\(both.output)")
  }

  @Test("Features that other products made are not taken for one's own")
  func otherProducts() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "2", "--warmup-epochs", "0", "--cached", "--quiet"]
    func features(_ cache: String) throws -> [String: Data] {
      try ChildProgram.files(under: folder.file(cache + "/features"))
    }
    for (products, cache) in [("openblas", "shared"), ("own", "shared"), ("own", "fresh")] {
      let outcome = try run(
        options + ["--products", products, "--cache", cache, "--output", "\(products)-\(cache)"],
        in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let (shared, fresh) = (try features("shared"), try features("fresh"))
    #expect(fresh.count == 2 && shared.count == 4)
    #expect(fresh.allSatisfy { shared[$0.key] == $0.value })
    #expect(try runFiles(folder, "own-shared") == runFiles(folder, "own-fresh"))
  }

  @Test("A second run takes the kept result")
  func kept() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "2", "--warmup-epochs", "0", "--cached"]
    let first = try run(options, in: folder)
    let second = try run(options, in: folder)
    #expect(first.status == 0 && second.output == first.output)
    #expect(!second.errors.contains("linear 0/2"))
  }

  @Test("Its own three backbones are made, probed and noted as short")
  func comparison() throws {
    let folder = try prepare()
    let arguments = [
      "--data", "data/classification", "--preset", "smoke", "--input-size", "32", "--margin",
      "top1=0.25",
    ]
    let outcome = try run(arguments, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for part in [
      "Random initialisation", "Supervised", "MoBY", "2 epochs", "deviates from MoBY's protocol",
      "deviates from DINO's kNN: view of the neighbours", "Differences on the same images",
      "equivalent within ± 0.25 points: --margin", "| kNN ",
    ] {
      #expect(outcome.output.contains(part), "\(part)")
    }
    // The same of kept results as JSON: three pairs, by two numbers.
    let again = try run(arguments + ["--json"], in: folder)
    let json = try #require(JSONValue(parsing: Array(again.output.utf8)))
    #expect(json["rows"]?.arrayValue?.count == 3)
    #expect(json["differences"]?["rows"]?.arrayValue?.count == 6)
    // The MoBY checkpoint is in the official layout, recognised like anyone's.
    #expect(outcome.errors.contains("MoBY pretraining"))
  }

  @Test("Bad input ends in one sentence and its status")
  func badInput() throws {
    let folder = try prepare()
    func expect(_ arguments: [String], _ status: Int32, _ part: String) throws {
      let outcome = try run(arguments, in: folder)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.errors.contains(part), "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
    }
    try expect(["--data", "nowhere", "--backbone", "random"], 66, "does not exist")
    try expect(["--epoch", "3"], 64, "Did you mean '--epochs'?")
    try expect(base + ["--learning-rates", "1e38"], 1, "is not a finite number")
    try AtomicFile.write(text: "PK\u{3}\u{4} cut", to: folder.file("cut.pth"))
    try expect(
      ["--data", "data/classification", "--backbone", "cut.pth"], 65, "cut.pth: is cut off")
    let victim = folder.file("data/classification/train/car/car_00001.JPEG")
    try AtomicFile.write(try FileBytes.read(victim).prefix(600), to: victim)
    try expect(base, 65, "car_00001.JPEG")
    let skipping = try run(
      base + ["--on-bad-image", "skip", "--epochs", "1", "--warmup-epochs", "0", "--cached"],
      in: folder)
    #expect(skipping.status == 0)
    #expect(skipping.output.contains("1 images could not be decoded"))
  }

  @Test("What a reader must know of the images is said: leaks, classes without one, other files")
  func images() throws {
    let folder = try prepare()
    let files = FileManager.default
    let root = folder.file("data/classification")
    let name = try #require(try files.contentsOfDirectory(atPath: root + "/val/car").sorted().first)
    try AtomicFile.write(
      try FileBytes.read("\(root)/train/car/car_00001.JPEG"), to: "\(root)/val/car/\(name)")
    try AtomicFile.write(text: "no image", to: root + "/train/car/notes")
    let bird = try files.contentsOfDirectory(atPath: root + "/train").sorted()[0]
    for file in try files.contentsOfDirectory(atPath: "\(root)/train/\(bird)") {
      try AtomicFile.write(text: "cut", to: "\(root)/train/\(bird)/\(file)")
    }
    let quick = base + ["--on-bad-image", "skip", "--epochs", "1", "--warmup-epochs", "0"]
    for more in [["--cached"], ["--recipe", "fine-tune-swin", "--input-size", "32"]] {
      let outcome = try run(quick + more, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(
        outcome.errors.contains("validation images are training images, too: car/\(name) is car/"),
        "\(outcome.errors)")
      for words in [
        "1 of", "classes have no training image among those used", "1 files beside the training",
      ] {
        #expect(outcome.output.contains(words), "\(words): \(outcome.output)")
      }
    }
    // Where nothing is left, that is said before anything is trained.
    for split in ["train", "val"] {
      for file in try FileTree.files(below: "\(root)/\(split)").files {
        try AtomicFile.write(text: "cut", to: "\(root)/\(split)/\(file)")
      }
      for more in [[], ["--shots", "1"], ["--recipe", "fine-tune-swin", "--input-size", "32"]] {
        let outcome = try run(quick + more, in: folder)
        #expect(
          outcome.status == 65 && outcome.errors.contains("has no image that can be decoded"),
          "\(outcome.status) \(outcome.errors)")
      }
      try SampleSet(.small(images: (8, 2))).generate(at: folder.file("again"))
      try files.removeItem(atPath: root)
      try files.moveItem(atPath: folder.file("again/classification"), toPath: root)
      try files.removeItem(atPath: folder.file("again"))
    }
  }

  @Test("Options that cannot be honoured are refused")
  func contradictions() throws {
    for (arguments, part) in [
      (["--backbone", "random", "--branch", "target"], "--branch"),
      (["--backbone", "random", "--heads", "3"], "--heads"),
      (["--backbone", "random", "--allow-partial"], "--allow-partial"),
      (["--backbone", "random", "--mean", "0.5,0.5,0.5", "--std", "1,1,1"], "--mean"),
      (["--backbone", ""], "--backbone"),
      (["--backbone", "a.pth,b.pth,a.pth"], "--backbone names a.pth twice"),
      (["--backbone", "a.pth", "--mean", "0.5,0.5,0.5"], "--std"),
      (["--backbone", "a.pth", "--cached", "--drop-path", "0.1"], "--no-cached"),
      (["--preset", "smoke", "--drop-path", "0.1"], "--no-cached"),
      (["--backbone", "a.pth", "--held-out", "0.2"], "--learning-rates"),
      (["--learning-rates", "1,1"], "twice"),
      (["--backbone", "a.pth", "--epochs", "3", "--warmup-epochs", "4"], "more than the 3 epochs"),
      (["--backbone", "a.pth", "--epochs", "3"], "warms up for 5 epochs, more than the 3"),
      (["--margin", "top1=0"], "--margin"),
      (["--margin", "top1=0.5,top1=1"], "--margin names top1 twice"),
      (["--margin", "top1=0.5,mIoU=1"], "--margin names mIoU, which is not compared here"),
      (
        ["--recipe", "fine-tune-swin", "--epochs", "6", "--evaluate-every", "7"],
        "--evaluate-every 7 would come after the 6 epochs of the run; give at most 6"
      ),
    ] {
      let error = try #require(throws: UsageError.self, "\(arguments)") {
        try LinearOptions.table.parse(arguments)
      }
      #expect(error.exitCode == .usage && "\(error)".contains(part), "\(error)")
    }
    for arguments in [
      ["--backbone", "a.pth,random", "--branch", "target"],
      ["--preset", "smoke", "--no-cached", "--drop-path", "0.1"],
      ["--backbone", "a.pth", "--held-out", "0.2", "--learning-rates", "1,2"],
      ["--backbone", "a.pth", "--epochs", "3", "--warmup-epochs", "3"],
    ] {
      #expect(throws: Never.self) { try LinearOptions.table.parse(arguments) }
    }
  }

  @Test("Several rates without held-out images are refused; rates that tie are named")
  func heldOut() throws {
    let folder = try prepare()
    let rates = ["--learning-rates", "0.5,2", "--cached", "--epochs", "1", "--warmup-epochs", "0"]
    let none = try run(base + rates + ["--held-out", "0.05"], in: folder)
    #expect(none.status == 64 && none.errors.contains("--held-out"), "\(none.errors)")
    let all = try run(base + rates + ["--held-out", "0.97"], in: folder)
    #expect(all.status == 64 && all.errors.contains("every image"), "\(all.errors)")
    let some = try run(base + rates + ["--held-out", "0.25"], in: folder)
    #expect(some.status == 0, "\(some.errors)")
    let tie = try run(
      base + rates.map { $0 == "0.5,2" ? "0.00001,0.00002" : $0 } + ["--held-out", "0.25"],
      in: folder)
    #expect(tie.output.contains("did equally well"), "\(tie.output)")
  }

  @Test("bench-data makes, checks and shows")
  func dataCommands() throws {
    let folder = try prepare()
    let check = try run(["check", "--data", "data/classification"], in: folder, name: "bench-data")
    #expect(check.status == 0 && check.output.contains("nothing found"))
    let shown = try run(
      ["show", "--data", "data/classification", "--count", "4", "--output", "sheet.png"],
      in: folder, name: "bench-data")
    #expect(shown.status == 0, "\(shown.errors)")
    #expect(try ImageFile.inspect(path: folder.file("sheet.png")).width > 100)
    let victim = folder.file("data/classification/val/car/car_00001.JPEG")
    try AtomicFile.write(text: "", to: victim)
    let failed = try run(
      ["check", "--data", "data/classification", "--json"], in: folder, name: "bench-data")
    #expect(failed.status == 1 && failed.output.contains("image/empty"))
  }
}
