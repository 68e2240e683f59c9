import CommandLine
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Protocols
import Reporting
import SampleData
import TestSupport
import Testing

@testable import Harness

/// `bench-linear` with recipes that train the whole network, as a user would run it.
@Suite("Fine-tuned classifiers", .serialized, .timeLimit(.minutes(10)))
struct FineTuneProgramTests {
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 6))).generate(at: folder.file("data"))
    return folder
  }

  private static let base = [
    "--data", "data/classification", "--preset", "mini", "--input-size", "32", "--epochs", "3",
    "--batch-size", "16",
  ]
  private static let random = ["--backbone", "random", "--architecture", "swin-mini"]

  private func run(_ arguments: [String], in folder: TemporaryDirectory) throws -> String {
    let outcome = try ChildProgram.run(
      "bench-linear", Self.base + arguments, in: folder.path, limit: 200)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  @Test(
    "Every recipe trains three networks, names what differs, and keeps what they said",
    arguments: [
      ("fine-tune-swin", "swin-mini", "Swin's fine-tuning"),
      ("fine-tune-deit", "deit-ti", "MoCo v3's fine-tuning with DeiT's recipe"),
      ("fine-tune-simmim", "swin-mini", "SimMIM's fine-tuning"),
      ("fine-tune-mae", "deit-ti", "MAE's fine-tuning"),
    ])
  func recipes(recipe: String, network: String, title: String) throws {
    let folder = try prepare()
    let isLong = network == "swin-mini"
    let output = try run(
      ["--recipe", recipe, "--backbone", "random", "--architecture", network, "--output", "runs"]
        + (isLong ? [] : ["--seeds", "0,1", "--epochs", "1"]), in: folder)
    #expect(output.contains("Fine-tuned classification"), "\(output)")
    #expect(output.contains("deviates from \(title): epochs \(isLong ? 3 : 1) instead of"))
    #expect(output.contains("top-1 is of the last epoch"))
    let found = try #require(try folder.results(under: "runs").first)
    #expect(found.task == "finetune" && found.settings["recipe"] == recipe)
    #expect(found.settings["seeds"] == (isLong ? "0,1,2" : "0,1"))
    #expect(found.metrics["top1_seed1"]?.value.isFinite == true)
    #expect((found.metrics["top1"]?.interval?.low ?? 2) <= (found.metrics["top1"]?.value ?? 0))
    #expect(found.metrics["mean_class"]?.value.isFinite == true && !found.classes.isEmpty)
    let loss = try #require(found.curves["loss_seed0"])
    #expect(loss.allSatisfy(\.isFinite) && loss.count > 2)
    let path = try #require(
      try ChildProgram.files(under: folder.file("runs")).keys.first {
        $0.hasSuffix("seed-0/records.jsonl")
      })
    let records = TaskDescription.fineTuning.records(
      folder.file("runs/" + (path as NSString).deletingLastPathComponent))
    let answers = try #require(try records.paired("top1"))
    let share = Double(answers.seeds[0].count { $0 }) / Double(answers.images.count)
    #expect(share == found.metrics["top1_seed0"]?.value)
    // The network that is kept is the one that answered.
    let network = try Classifier.load(
      path: folder.file("runs/" + (path as NSString).deletingLastPathComponent + "/classifier.pth"))
    #expect(network.network.configuration.inputSize == 32 && network.report.isComplete)
    #expect(network.network.classCount == found.classes.count)
  }

  @Test("A run killed at random moments goes on and ends in the same bytes, on any threads")
  func killed() throws {
    let folder = try prepare()
    let options =
      Self.base + Self.random + [
        "--recipe", "fine-tune-simmim", "--seeds", "0", "--epochs", "6", "--mixup", "0.8",
        "--cutmix", "1", "--rand-augment", "--erasing", "0.25", "--evaluate-every", "2",
        "--keep-checkpoints", "4", "--save-minutes", "0",
      ]
    let whole = try ChildProgram.run(
      "bench-linear", options + ["--output", "whole"], in: folder.path, limit: 200)
    #expect(whole.status == 0, "\(whole.errors)")
    var stream = RandomStream(seed: 5, purpose: .test)
    for round in 0..<3 {
      let cut = try ChildProgram.run(
        "bench-linear", options + ["--output", "killed"], in: folder.path,
        killAfter: stream.uniform(0, 0.05), states: 1, output: "killed")
      #expect(cut.status == SIGKILL, "round \(round) ended before it was killed")
      #expect(cut.errors.contains("going on after step") == (round > 0), "\(cut.errors)")
    }
    let last = try ChildProgram.run(
      "bench-linear", options + ["--output", "killed", "--threads", "1"], in: folder.path,
      limit: 200)
    #expect(last.status == 0 && last.output == whole.output, "\(last.errors)")
    #expect(last.errors.contains("going on after step"), "\(last.errors)")
    let expected = try ChildProgram.files(under: folder.file("whole"))
    let found = try ChildProgram.files(under: folder.file("killed"))
    #expect(Set(found.keys) == Set(expected.keys))
    for name in ["classifier.pth", "classifier-epoch-4.pth", "records.jsonl", "result.json"] {
      #expect(expected.keys.contains { $0.hasSuffix("/" + name) }, "no \(name)")
    }
    #expect(!expected.keys.contains { $0.contains("state") || $0.contains("evaluation-") })
    for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) differs") }
    let result = try #require(try folder.results(under: "whole").first)
    // Two looks and the end.
    #expect(result.curves["val_top1"]?.count == 3)
    #expect(result.curves["val_top1"]?.last == result.metrics["top1"]?.value)
  }

  @Test("Two backbones are trained from their files and judged by the same tests as in the report")
  func report() throws {
    let folder = try prepare()
    for (name, seed) in [("a", 1), ("b", 2)] {
      let backbone = SwinTransformer(
        .mini, inputSize: 32, initializer: Initializer(seed: UInt64(seed)))
      try CheckpointWriter.write(
        StateDictionary(backbone).entries, to: folder.file(name + ".pth"))
    }
    let output = try run(
      [
        "--recipe", "fine-tune-swin", "--backbone", "a.pth,b.pth", "--output", "runs", "--seeds",
        "0,1",
      ], in: folder)
    #expect(output.contains("Differences on the same images"), "\(output)")
    #expect(!output.contains("not judged"), "\(output)")
    let found = try folder.results(under: "runs")
    #expect(found.count == 2 && found[0].backbone["sha256"] != found[1].backbone["sha256"])
    let page = try ChildProgram.run(
      "bench-report", ["--runs", "runs", "--output", "page", "--baseline", "a"], in: folder.path)
    #expect(page.status == 0, "\(page.errors)")
    let html = try ChildProgram.files(under: folder.file("page")).first {
      $0.key.hasSuffix("report.html")
    }
    let text = String(decoding: try #require(html).value, as: UTF8.self)
    #expect(text.contains("Fine-tuned classification") && text.contains("fine-tune-swin"))
    // A single training is not judged.
    let single = try run(
      [
        "--recipe", "fine-tune-swin", "--backbone", "a.pth,b.pth", "--output", "single", "--seeds",
        "0",
      ], in: folder)
    #expect(single.contains("not judged") && single.contains("one training of"), "\(single)")
  }

  @Test("A rate is chosen on held-out training images, few of each class where few are drawn")
  func rates() throws {
    let folder = try prepare()
    let output = try run(
      Self.random + [
        "--recipe", "fine-tune-swin", "--seeds", "0", "--learning-rates", "1e-3,1e25",
        "--held-out", "0.25", "--output", "runs", "--clip-norm", "0",
      ], in: folder)
    #expect(output.contains("learning rate 0.001, chosen by top-1"), "\(output)")
    #expect(output.contains("1e+25 diverged"), "\(output)")
    #expect(output.contains("top-1 is of the learning rate chosen on 0.25 of train"), "\(output)")
    let shots = try run(
      Self.random + [
        "--recipe", "fine-tune-mae", "--shots", "2", "--draws", "2", "--epochs", "1", "--output",
        "shots", "--batch-size", "64",
      ], in: folder)
    #expect(shots.contains("2 training images of every class, drawn anew by each seed"))
    let found = try #require(try folder.results(under: "shots").first)
    #expect(found.settings["seeds"] == "0,1")
    // No more than there are.
    #expect(found.settings["batch-size"] == String(2 * found.classes.count))
    let few = try ChildProgram.run(
      "bench-linear",
      Self.base + Self.random + [
        "--recipe", "fine-tune-swin", "--learning-rates", "1,2", "--shots", "1", "--output", "few",
      ], in: folder.path)
    #expect(few.status == 64 && few.errors.contains("--held-out"), "\(few.errors)")
  }

  @Test("Pieces of a batch and groups are settings of the run")
  func pieces() throws {
    let folder = try prepare()
    let options =
      Self.random + ["--recipe", "fine-tune-swin", "--seeds", "0", "--epochs", "1", "--output"]
    _ = try run(options + ["runs", "--groups", "4", "--accumulate", "2"], in: folder)
    let found = try #require(try folder.results(under: "runs").first)
    #expect(found.settings["groups"] == "4" && found.settings["accumulate"] == "2")
    _ = try run(options + ["whole", "--groups", "4"], in: folder)
    let whole = try #require(try folder.results(under: "whole").first)
    #expect(whole.settings["accumulate"] == nil)
    let (a, b) = (try #require(found.curves["loss"]), try #require(whole.curves["loss"]))
    for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-3 * y, "\(x) \(y)") }
  }

  @Test("Options of other recipes are refused in a sentence, and a backbone that does not fit")
  func refusals() throws {
    for (arguments, part) in [
      (["--recipe", "fine-tune-swin", "--cached"], "--cached is not for --recipe fine-tune-swin"),
      (["--recipe", "attentive", "--shifts", "a=b"], "gathers the tokens"),
      (["--recipe", "fine-tune-deit", "--regularizations", "1"], "--recipe logistic has it"),
      (["--recipe", "fine-tune-deit", "--mean", "0,0,0", "--std", "1,1,1"], "--mean is not for"),
      (["--recipe", "dino", "--layer-decay", "0.8"], "leaves the backbone as it is"),
      (["--mixup", "0"], "leaves the backbone as it is"),
      (["--evaluate-every", "1"], "--evaluate-every is not for --recipe moby"),
      (["--recipe", "logistic", "--accumulate", "2"], "--accumulate is not for"),
      (["--recipe", "fine-tune-swin", "--groups", "3"], "--groups 3 must be a power of two"),
      (["--recipe", "fine-tune-swin", "--batch-size", "4", "--accumulate", "3"], "--accumulate 3"),
      (["--recipe", "fine-tune-swin", "--held-out", "0.2"], "--held-out chooses among several"),
    ] {
      let error = try #require(throws: UsageError.self, "\(arguments)") {
        try LinearOptions.table.parse(["--backbone", "a.pth"] + arguments)
      }
      #expect("\(error)".contains(part), "\(error)")
    }
    let parsed = try LinearOptions.table.parse([
      "--backbone", "a.pth", "--recipe", "fine-tune-swin",
    ])
    #expect(parsed.options.seeds == [0, 1, 2])
    for (arguments, warmUp) in [
      (["--epochs", "10"], 2), (["--epochs", "1"], 0),
      (["--warmup-epochs", "7", "--epochs", "10"], 7), ([], 5),
    ] {
      let parsed = try LinearOptions.table.parse(
        ["--backbone", "a.pth", "--recipe", "fine-tune-swin"] + arguments)
      #expect(parsed.options.settings.warmupEpochs == warmUp, "\(arguments)")
    }
    let folder = try prepare()
    let backbone = SwinTransformer(.mini, inputSize: 32, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(backbone).entries, to: folder.file("a.pth"))
    let other = try ChildProgram.run(
      "bench-linear",
      Self.base + [
        "--recipe", "fine-tune-swin", "--backbone", "a.pth", "--architecture", "deit-s",
      ], in: folder.path)
    #expect(other.status != 0 && other.failures.count == 1, "\(other.errors)")
  }
}
