import CounterRandom
import FileSupport
import Foundation
import Layers
import Models
import SampleData
import TestSupport
import Testing

@testable import Harness

/// Runs `bench-coco` and `bench-ade20k` as child processes, as a user would.
@Suite("Fine-tuning programs", .serialized, .timeLimit(.minutes(5)))
struct DenseRunTests {
  /// A program with settings that take a second or two.
  struct Job: Sendable, CustomTestStringConvertible {
    let program: String
    let arguments: [String]
    /// Settings that only a training has.
    var training: [String] = []
    /// The option that says how long it takes, and a short and an endless value.
    let length: (option: String, short: String, long: String)
    /// The option that takes a whole network.
    let network: String
    /// What a run's folder must hold in the end, the network first.
    let files: [String]
    /// What scoring alone has no use for.
    let trainingData: [String]
    var testDescription: String { program }
  }

  static let jobs = [
    Job(
      program: "bench-coco",
      arguments: [
        "--data", "sample/coco", "--preset", "mini", "--image-scale", "0.5",
      ], training: ["--evaluate-every", "1", "--keep-checkpoints", "2"],
      length: ("--epochs", "3", "1000"), network: "--detector",
      files: [
        "detector.pth", "detector-epoch-2.pth", "events.jsonl", "detections.jsonl", "bbox.matches",
        "result.json",
      ],
      trainingData: ["coco/train2017", "coco/annotations/instances_train2017.json"]),
    Job(
      program: "bench-ade20k",
      arguments: [
        "--data", "sample/ade20k", "--preset", "mini", "--crop-size", "48",
      ], training: ["--batch-size", "2", "--evaluate-every", "12", "--keep-checkpoints", "15"],
      length: ("--iterations", "30", "100000"),
      network: "--segmentor",
      files: [
        "segmentor.pth", "segmentor-iteration-15.pth", "events.jsonl", "records.jsonl",
        "result.json",
      ],
      trainingData: ["ade20k/images/training", "ade20k/annotations/training"]),
  ]

  private let shared = [
    "--backbone", "random", "--seeds", "0", "--resamples", "20", "--save-minutes", "0", "--quiet",
  ]

  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(instances: (12, 3), labels: (6, 3))).generate(at: folder.file("sample"))
    return folder
  }

  @Test("Heads are built on the Swin or ViT/16 that a file holds, and on no other", arguments: jobs)
  func backbones(job: Job) throws {
    let folder = try prepare()
    var deeper = SwinConfiguration.mini
    deeper.depths = [1, 1, 3, 1]
    let swin = SwinTransformer(deeper, inputSize: 64, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(
      StateDictionary(swin).entries, to: folder.file("deeper.pth"))
    for (name, patch) in [("plain.pth", 16), ("fine.pth", 8)] {
      let plain = VisionTransformer(
        VisionTransformerConfiguration(
          patchSize: patch, embeddingSize: 64, depth: 1, headCount: 1),
        inputSize: 32, initializer: Initializer(seed: 1))
      try CheckpointWriter.write(StateDictionary(plain).entries, to: folder.file(name))
    }
    let options =
      job.arguments + job.training.prefix { $0 != "--evaluate-every" } + [
        job.length.option, "1", "--seeds", "0", "--resamples", "20", "--quiet", "--output", "runs",
      ]
    let outcome = try ChildProgram.run(
      job.program, options + ["--backbone", "deeper.pth"], in: folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let name = "Swin (32 channels, depths 1-1-3-1, window 4)"
    #expect(outcome.output.contains(name), "\(outcome.output)")
    // The user's word goes before the file's.
    let named = try ChildProgram.run(
      job.program, options + ["--backbone", "deeper.pth", "--architecture", "swin-mini"],
      in: folder.path)
    #expect(named.status == 65 && named.errors.contains("Swin-mini"), "\(named.errors)")
    let plain = try ChildProgram.run(
      job.program, options + ["--backbone", "plain.pth"], in: folder.path)
    #expect(plain.status == 0, "\(plain.errors)")
    #expect(plain.output.contains("ViT (64 channels, depth 1, 1 heads"), "\(plain.output)")
    let network = try #require(
      try ChildProgram.files(under: folder.file("runs")).keys.first {
        $0.contains("plain") && $0.hasSuffix("/" + job.files[0])
      })
    let scored = try ChildProgram.run(
      job.program,
      job.arguments + [job.network, "runs/" + network, "--eval-only", "--resamples", "20"]
        + ["--quiet", "--output", "scored"], in: folder.path)
    #expect(scored.status == 0, "\(scored.errors)")
    let refused = try ChildProgram.run(
      job.program, options + ["--backbone", "fine.pth"], in: folder.path)
    #expect(
      refused.status == 65 && refused.errors.contains("holds a ViT of other patches"),
      "\(refused.errors)")
  }

  @Test("A run killed at random moments goes on and ends in the same bytes", arguments: jobs)
  func killed(job: Job) throws {
    let folder = try prepare()
    let options = job.arguments + shared + job.training + [job.length.option, job.length.short]
    let whole = try ChildProgram.run(
      job.program, options + ["--output", "whole"], in: folder.path)
    #expect(whole.status == 0, "\(whole.errors)")
    // Random, but the same in every run of the test.
    var stream = RandomStream(seed: 12, purpose: .test)
    let loud = options.filter { $0 != "--quiet" } + ["--output", "killed"]
    for round in 0..<3 {
      let cut = try ChildProgram.run(
        job.program, loud, in: folder.path, killAfter: stream.uniform(0, 0.05),
        states: 1, output: "killed")
      #expect(cut.status == SIGKILL, "round \(round) ended before it was killed")
      #expect(cut.errors.contains("going on after step") == (round > 0), "\(cut.errors)")
    }
    let last = try ChildProgram.run(job.program, loud + ["--threads", "1"], in: folder.path)
    #expect(last.status == 0, "\(last.errors)")
    #expect(last.errors.contains("going on after step"), "\(last.errors)")
    #expect(last.output == whole.output)
    let expected = try ChildProgram.files(under: folder.file("whole"))
    for name in job.files {
      #expect(expected.keys.contains { $0.hasSuffix("/" + name) }, "no \(name)")
    }
    #expect(!expected.keys.contains { $0.hasSuffix("state.safetensors") })
    #expect(!expected.keys.contains { $0.contains("evaluation-") })
    let found = try ChildProgram.files(under: folder.file("killed"))
    #expect(Set(found.keys) == Set(expected.keys))
    for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) differs") }
  }

  @Test("Looks on the way change no weight and are a curve of the result", arguments: jobs)
  func looks(job: Job) throws {
    let folder = try prepare()
    let options =
      job.arguments + shared + job.training.prefix { $0 != "--evaluate-every" }
      + [job.length.option, job.length.short]
    let plain = try ChildProgram.run(
      job.program, options + ["--output", "plain"], in: folder.path)
    #expect(plain.status == 0, "\(plain.errors)")
    let watched = try ChildProgram.run(
      job.program, options + job.training.suffix(4) + ["--output", "watched"], in: folder.path)
    #expect(watched.status == 0, "\(watched.errors)")
    #expect(watched.output == plain.output)
    func file(_ run: String, _ name: String) throws -> [UInt8] {
      let found = try ChildProgram.files(under: folder.file(run)).first {
        $0.key.hasSuffix("/" + name)
      }
      return Array(try #require(found, "\(run) \(name)").value)
    }
    #expect(try file("plain", job.files[0]) == file("watched", job.files[0]))
    #expect(try file("watched", job.files[1]) != file("watched", job.files[0]))
    let result = try #require(JSONValue(parsing: try file("watched", "result.json")))
    let number = job.program == "bench-coco" ? "val_bbox/AP" : "val_mIoU"
    let curve = try #require(result["curves"]?[number]?.arrayValue, "\(result.text())")
    // Two looks and the end.
    #expect(curve.count == 3)
    let end = result["metrics"]?[String(number.dropFirst(4))]?["value"]?.doubleValue
    #expect(curve.last?.doubleValue == end)
    let page = try ChildProgram.run(
      "bench-report", ["--runs", "watched", "--output", "page"], in: folder.path)
    #expect(page.status == 0, "\(page.errors)")
    let html = try ChildProgram.files(under: folder.file("page")).first {
      $0.key.hasSuffix(".html")
    }
    #expect(
      html.map { String(decoding: $0.value, as: UTF8.self).contains("while training") } == true)
  }

  @Test("A rate is chosen on held-out training images, and a second run finds it", arguments: jobs)
  func rates(job: Job) throws {
    let folder = try prepare()
    // The second one ruins a network.
    let options =
      job.arguments + shared + job.training.prefix { $0 != "--evaluate-every" }
      + [job.length.option, job.length.short, "--learning-rates", "2e-3,1e30"]
      + ["--held-out", "0.25", "--output", "runs"]
    let first = try ChildProgram.run(job.program, options, in: folder.path)
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.contains("learning rate 0.002, chosen by"), "\(first.output)")
    #expect(first.output.contains("1e+30 diverged"), "\(first.output)")
    let files = try ChildProgram.files(under: folder.file("runs"))
    #expect(files.keys.count { $0.hasSuffix("score.json") } == 2)
    let settings = try #require(files.first { $0.key.hasSuffix("protocol.json") }).value
    #expect(String(decoding: settings, as: UTF8.self).contains("0.002,1e+30"))
    let second = try ChildProgram.run(job.program, options, in: folder.path)
    #expect(second.output == first.output)
    let few = try ChildProgram.run(
      job.program, options + ["--train-limit", "2", "--held-out", "0.1"], in: folder.path)
    #expect(few.status == 64 && few.errors.contains("--held-out"), "\(few.errors)")
  }

  @Test("A state left in the middle is taken up there, not at the start", arguments: jobs)
  func takesUp(job: Job) throws {
    let folder = try prepare()
    let options =
      job.arguments + shared.filter { $0 != "--quiet" } + job.training
      + ["--output", "runs", job.length.option, job.length.long]
    _ = try ChildProgram.run(job.program, options, in: folder.path, killAfter: 2.5)
    let left = try ChildProgram.files(under: folder.file("runs")).keys
    #expect(left.contains { $0.hasSuffix("state.safetensors") })
    let next = try ChildProgram.run(job.program, options, in: folder.path, killAfter: 2)
    // The first line of progress says how much was done before.
    let first = try #require(next.errors.firstMatch(of: /training (\d+)\/\d+/), "\(next.errors)")
    #expect(Int(first.1).map { $0 > 0 } == true, "\(first.0)")
  }

  @Test("A whole network is trained on, or only scored", arguments: jobs)
  func wholeNetwork(job: Job) throws {
    let folder = try prepare()
    let quick = job.training.prefix { $0 != "--evaluate-every" } + [job.length.option, "2"]
    let first = try ChildProgram.run(
      job.program, job.arguments + shared + quick + ["--output", "first"], in: folder.path)
    #expect(first.status == 0, "\(first.errors)")
    let name = try #require(
      try ChildProgram.files(under: folder.file("first")).keys.first {
        $0.hasSuffix("/" + job.files[0])
      })
    let options =
      job.arguments + shared.dropFirst(2) + [job.network, "first/" + name, "--output"]
    let trained = try ChildProgram.run(job.program, options + ["trained"] + quick, in: folder.path)
    #expect(trained.status == 0, "\(trained.errors)")
    let files = try ChildProgram.files(under: folder.file("trained"))
    let settings = try #require(files.first { $0.key.hasSuffix("protocol.json") }).value
    #expect(String(decoding: settings, as: UTF8.self).contains("\"start\": \"whole "))
    let network = try #require(files.first { $0.key.hasSuffix("/" + job.files[0]) }).value
    let start = try ChildProgram.files(under: folder.file("first"))[name]
    #expect(network != start)
    for path in job.trainingData {
      try FileManager.default.removeItem(atPath: folder.file("sample/" + path))
    }
    let scored = try ChildProgram.run(
      job.program, options + ["scored", "--eval-only"], in: folder.path)
    #expect(scored.status == 0, "\(scored.errors)")
    #expect(
      try !ChildProgram.files(under: folder.file("scored")).keys.contains {
        $0.hasSuffix("events.jsonl") || $0.hasSuffix(".pth")
      })
  }
}
