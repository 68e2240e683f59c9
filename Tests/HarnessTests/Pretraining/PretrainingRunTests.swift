import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Layers
import Models
import SampleData
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Harness

/// Runs `bench-pretrain` as a child process, as a user would.
@Suite("bench-pretrain", .serialized)
struct PretrainingRunTests {
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 2))).generate(at: folder.file("data"))
    return folder
  }

  private let base = [
    "--data", "data/classification", "--preset", "smoke", "--no-forecast", "--save-minutes", "0",
    "--quiet",
  ]

  @Test(
    "A run killed at random moments goes on and ends in the same bytes",
    arguments: ["moby", "dino-multicrop", "supervised"])
  func killed(method: String) throws {
    let folder = try prepare()
    let options = base + ["--method", method, "--epochs", "6"]
    let whole = try ChildProgram.run(
      "bench-pretrain", options + ["--output", "whole"], in: folder.path)
    #expect(whole.status == 0, "\(whole.errors)")
    // Random, but the same in every run of the test.
    var stream = RandomStream(seed: 11, purpose: .test)
    let loud = options.filter { $0 != "--quiet" } + ["--output", "killed"]
    for round in 0..<3 {
      let cut = try ChildProgram.run(
        "bench-pretrain", loud, in: folder.path, killAfter: stream.uniform(0, 0.02),
        states: 1 + stream.below(3), output: "killed")
      #expect(cut.status == SIGKILL, "round \(round) ended before it was killed")
      #expect(cut.errors.contains("going on after step") == (round > 0), "\(cut.errors)")
    }
    let last = try ChildProgram.run(
      "bench-pretrain", loud + ["--threads", "1"], in: folder.path)
    #expect(last.status == 0, "\(last.errors)")
    #expect(last.errors.contains("going on after step"), "\(last.errors)")
    let expected = try ChildProgram.files(under: folder.file("whole"))
    #expect(expected.keys.contains { $0.hasSuffix(".pth") })
    #expect(expected.keys.contains { $0.hasSuffix("events.jsonl") })
    #expect(!expected.keys.contains { $0.hasSuffix("state.safetensors") })
    #expect(try ChildProgram.files(under: folder.file("killed")) == expected)
  }

  @Test("Interrupted, it saves, says how to go on, and goes on there")
  func interrupted() throws {
    let folder = try prepare()
    let options = base.filter { $0 != "--quiet" } + ["--epochs", "200", "--output", "runs"]
    let cut = try ChildProgram.run(
      "bench-pretrain", options, in: folder.path, killAfter: 0, states: 2, output: "runs",
      signal: SIGINT)
    #expect(cut.status == 130 && cut.errors.contains("run the same command again to go on"))
    let next = try ChildProgram.run(
      "bench-pretrain", options, in: folder.path, killAfter: 0, states: 1, output: "runs")
    #expect(next.errors.contains("going on after step"))
    // A state that was altered is named and not used.
    let name = try #require(
      try ChildProgram.files(under: folder.file("runs")).keys.first {
        $0.hasSuffix("state.safetensors")
      })
    var bytes = try FileBytes.read(folder.file("runs/" + name))
    bytes[bytes.count - 3] ^= 1
    try AtomicFile.write(bytes, to: folder.file("runs/" + name))
    let refused = try ChildProgram.run("bench-pretrain", options, in: folder.path)
    #expect(refused.status == 65)
    #expect(
      refused.errors.contains("state.safetensors: was altered after it was written")
        && refused.errors.contains("use --restart"))
  }

  @Test("Events that are damaged beside a state are refused with a remedy that works")
  func damagedEvents() throws {
    let folder = try prepare()
    let options = base + ["--epochs", "200", "--output", "runs"]
    _ = try ChildProgram.run(
      "bench-pretrain", options, in: folder.path, killAfter: 0, states: 3, output: "runs")
    let files = try ChildProgram.files(under: folder.file("runs"))
    let name = try #require(files.keys.first { $0.hasSuffix("events.jsonl") })
    let path = folder.file("runs/" + name)
    var bytes = Array(try FileBytes.read(path))
    bytes[20] ^= 1
    try AtomicFile.write(bytes, to: path)
    let refused = try ChildProgram.run("bench-pretrain", options, in: folder.path)
    #expect(refused.status == 65, "\(refused.errors)")
    #expect(
      refused.errors.contains("line 1 is damaged")
        && refused.errors.contains("; put an intact copy of it back, or use --restart to begin"),
      "\(refused.errors)")
  }

  @Test("Stopped by a bad image, it leaves a state, and without such images it goes on from there")
  func badImage() throws {
    let folder = try prepare()
    let options = base.filter { $0 != "--quiet" } + ["--epochs", "1", "--save-minutes", "60"]
    // The image that comes last in the first epoch.
    let train = try ClassificationData(root: folder.file("data/classification")).train
    let chosen = train.evenly(64)
    let last = epochOrder(count: chosen.count, seed: 0, epoch: 0)[chosen.count / 16 * 16 - 1]
    let victim = train.path(chosen[last])
    try AtomicFile.write(try FileBytes.read(victim).prefix(300), to: victim)
    func run(_ more: [String]) throws -> ChildProgram.Outcome {
      try ChildProgram.run("bench-pretrain", options + more, in: folder.path)
    }
    let stopped = try run(["--output", "runs"])
    #expect(stopped.status == 65 && stopped.errors.contains("--on-bad-image skip"))
    #expect(
      try ChildProgram.files(under: folder.file("runs")).keys.contains {
        $0.hasSuffix("state.safetensors")
      })
    let rest = try run(["--output", "runs", "--on-bad-image", "skip"])
    #expect(rest.status == 0 && rest.errors.contains("going on after step"), "\(rest.errors)")
    // It ends as a run that left out bad images from the start.
    #expect(try run(["--output", "whole", "--on-bad-image", "skip"]).status == 0)
    let whole = try ChildProgram.files(under: folder.file("whole"))
    let found = try ChildProgram.files(under: folder.file("runs"))
    #expect(!whole.isEmpty)
    for (name, bytes) in whole { #expect(found[name] == bytes, "\(name)") }
  }

  @Test("A state left in the middle is taken up there, not at the start")
  func takesUp() throws {
    let folder = try prepare()
    let options = base.filter { $0 != "--quiet" } + ["--epochs", "200", "--output", "runs"]
    _ = try ChildProgram.run(
      "bench-pretrain", options, in: folder.path, killAfter: 0, states: 3, output: "runs")
    let left = try ChildProgram.files(under: folder.file("runs")).keys
    #expect(left.contains { $0.hasSuffix("state.safetensors") })
    let next = try ChildProgram.run(
      "bench-pretrain", options, in: folder.path, killAfter: 0, states: 1, output: "runs")
    #expect(next.errors.contains("going on after step"))
    // Other settings are another run, with a folder of its own.
    let other = try ChildProgram.run(
      "bench-pretrain", options + ["--seeds", "1"], in: folder.path, killAfter: 0, states: 1,
      output: "runs")
    #expect(!other.errors.contains("going on"))
  }

  @Test("A run that a probe scored is another one with other validation images, else the same")
  func probedImages() throws {
    let folder = try prepare()
    func train(_ more: [String] = []) throws -> String {
      let outcome = try ChildProgram.run(
        "bench-pretrain", base + ["--epochs", "1", "--output", "runs"] + more, in: folder.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.output
    }
    let probed = try train()
    let unprobed = try train(["--probe-limit", "0"])
    #expect(try train() == probed)
    let val = folder.file("data/classification/val")
    let victim = val + "/" + (try #require(try FileTree.files(below: val).files.first))
    let other = val + "/" + (try #require(try FileTree.files(below: val).files.last))
    try AtomicFile.write(FileBytes.read(other), to: victim)
    #expect(try train() != probed)
    #expect(try train(["--probe-limit", "0"]) == unprobed)
  }

  @Test(
    "bench-linear takes the checkpoint of every method", arguments: MethodDescription.allCases)
  func probed(method: MethodDescription) throws {
    let folder = try prepare()
    let trained = try ChildProgram.run(
      "bench-pretrain", base + ["--method", method.rawValue, "--epochs", "1"], in: folder.path)
    #expect(trained.status == 0, "\(trained.errors)")
    let path = trained.output.trimmingCharacters(in: .whitespacesAndNewlines)
    for file in [path, path.replacingOccurrences(of: ".pth", with: ".safetensors")] {
      let loaded = try BackboneLoader.load(path: folder.file(file), inputSize: 32)
      #expect(loaded.report.isComplete)
      #expect(loaded.report.missing.isEmpty)
      // DINO's authors evaluate the teacher.
      let isTeacher = loaded.report.source.contains("encoder_k")
      #expect(isTeacher == (method == .dino || method == .dinoMultiCrop))
    }
    #expect(
      try CheckpointFile(path: folder.file(path)).metadata["protocol"]?.contains("seed") == true)
    let probe = try ChildProgram.run(
      "bench-linear",
      [
        "--data", "data/classification", "--backbone", path, "--preset", "smoke", "--input-size",
        "32", "--quiet",
      ], in: folder.path)
    #expect(probe.status == 0, "\(probe.errors)")
  }

  @Test("What does not fit, divide or converge is one sentence and a status")
  func refusals() throws {
    let folder = try prepare()
    func expect(_ arguments: [String], _ status: Int32, _ part: String) throws {
      let outcome = try ChildProgram.run("bench-pretrain", arguments, in: folder.path)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.errors.contains(part), "\(outcome.errors)")
    }
    for more in [[], ["--dry-run"]] {
      try expect(base + ["--batch-size", "12"] + more, 64, "does not divide the queue")
      try expect(base + ["--batch-size", "4000"] + more, 64, "is more than the")
    }
    try expect(base + ["--method", "simclr"], 64, "moby")
    try expect(base + ["--base-learning-rate", "1e30"], 1, "is not a finite number")
    // The only step's loss was sound; what it made of the weights shows in features alone.
    try expect(
      base + [
        "--method", "byol", "--base-learning-rate", "1e30", "--warmup-epochs", "0", "--epochs", "1",
        "--batch-size", "64", "--output", "one",
      ], 1, "Error: a feature of BYOL is not a finite number at step 1; lower --base-learning-rate")
    try expect(
      base + [
        "--method", "byol", "--base-learning-rate", "1e30", "--warmup-epochs", "0", "--epochs", "1",
        "--batch-size", "64", "--probe-limit", "0", "--output", "two",
      ], 1, "Error: a feature of BYOL is not a finite number at step 1")
    try expect(base + ["--forecast-only"], 64, "--forecast-only and --no-forecast")
    try expect(["--data", "nowhere"], 66, "does not exist")
  }

  @Test("Nothing is published that nothing was trained for, and no score of no image")
  func nothingDecodes() throws {
    let folder = try prepare()
    func spoil(_ split: String) throws {
      let root = folder.file("data/classification/" + split)
      for file in try FileTree.files(below: root).files {
        try AtomicFile.write(text: "cut", to: root + "/" + file)
      }
    }
    let options = base.filter { $0 != "--quiet" } + ["--epochs", "1", "--on-bad-image", "skip"]
    try spoil("val")
    let unprobed = try ChildProgram.run(
      "bench-pretrain", options + ["--output", "unprobed"], in: folder.path)
    #expect(unprobed.status == 0, "\(unprobed.errors)")
    #expect(unprobed.errors.contains("no image of the epochs' probe could be decoded"))
    #expect(!unprobed.errors.contains("kNN top-1"))
    // Without a probe nobody asks for validation images.
    try FileManager.default.removeItem(atPath: folder.file("data/classification/val"))
    let alone = try ChildProgram.run(
      "bench-pretrain", options + ["--probe-limit", "0", "--output", "alone"], in: folder.path)
    #expect(alone.status == 0, "\(alone.errors)")
    let probed = try ChildProgram.run(
      "bench-pretrain", options + ["--output", "probed"], in: folder.path)
    #expect(probed.status == 66 && probed.errors.contains("val: does not exist"))
    #expect(probed.errors.contains("train without a probe (--probe-limit 0)"))
    try SampleSet(.small(images: (8, 2))).generate(at: folder.file("again"))
    try FileManager.default.moveItem(
      atPath: folder.file("again/classification/val"),
      toPath: folder.file("data/classification/val"))
    try spoil("train")
    let untrained = try ChildProgram.run(
      "bench-pretrain", options + ["--output", "untrained"], in: folder.path)
    #expect(untrained.status == 65 && untrained.errors.contains("so nothing was trained"))
    #expect(
      try !ChildProgram.files(under: folder.file("untrained")).keys.contains {
        $0.hasSuffix(".pth") || $0.hasSuffix("result.json")
      })
  }

  @Test("A folder of images without classes is learnt from, without a probe")
  func unlabelled() throws {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 2), instances: (8, 1))).generate(at: folder.file("data"))
    let train = folder.file("data/classification/train")
    let names = try FileTree.files(below: train).files.prefix(24)
    for (place, name) in names.enumerated() {
      let to = folder.file("photos/\(place % 2 == 0 ? "2025/" : "")\(place).jpg")
      try AtomicFile.write(FileBytes.read(train + "/" + name), to: to)
    }
    func run(_ data: String, _ more: [String] = []) throws -> ChildProgram.Outcome {
      try ChildProgram.run(
        "bench-pretrain",
        base.dropFirst(2).filter { $0 != "--quiet" } + ["--data", data, "--batch-size", "8"] + more,
        in: folder.path)
    }
    let photos = try run("photos")
    #expect(photos.status == 0, "\(photos.errors)")
    #expect(photos.errors.contains("24 images without classes, so without a probe of epochs"))
    let path = photos.output.trimmingCharacters(in: .whitespacesAndNewlines)
    let result = try FileBytes.read(
      folder.file((path as NSString).deletingLastPathComponent + "/result.json"))
    let text = String(decoding: result, as: UTF8.self)
    #expect(text.contains("\"classes\": \"none\"") && text.contains("\"train images\": \"24\""))
    #expect(text.contains("\"probe-limit\": \"0\"") && !text.contains("knn_top1"))

    let taught = try run("photos", ["--method", "supervised"])
    #expect(taught.status == 66 && taught.errors.contains("photos/train: does not exist"))
    let probed = try run("photos", ["--probe-limit", "9"])
    #expect(probed.status == 64, "\(probed.errors)")
    #expect(
      probed.errors.contains("--probe-limit 9 needs classes to tell apart, and photos has none"))
    let whole = try run("data/coco")
    #expect(whole.status == 65, "\(whole.errors)")
    #expect(whole.errors.contains("give the folder of its training images"))
    let scenes = try run("data/coco/train2017")
    #expect(scenes.status == 0, "\(scenes.errors)")
  }

  // MARK: Health

  /// Two views are pulled together and nothing keeps others apart: every output becomes the same.
  private final class Attraction: PretrainingMethod {
    let encoder: any Backbone
    let head: ProjectionHead
    var observation: StepObservation?
    var followed: [(target: Tensor, online: Tensor)] { [] }
    func momentum(step: Int) -> Double { 0 }

    init() {
      let initializer = Initializer(seed: 2)
      encoder = SwinTransformer(.mini, inputSize: 32, initializer: initializer)
      var shape = ProjectionHead.Shape(hidden: [32], outputs: 16)
      shape.hasNorms = false
      head = ProjectionHead(
        inputs: encoder.featureCount, shape: shape, key: "projector.", initializer: initializer)
    }

    func loss(
      features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
    ) -> Tensor {
      let outputs = features.map { l2Normalized(head($0)) }
      let difference = add(outputs[0], scaled(outputs[1], by: -1))
      observation = StepObservation(queries: outputs[0].detached(), keys: outputs[1].detached())
      return sum(multiply(difference, difference))
    }

    func visitTrained(_ visit: (String, Tensor) -> Void) {
      encoder.visitParameters("encoder.", visit)
      head.visitParameters("projector.", visit)
    }
    func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
      visitTrained { visit(prefix + $0, $1) }
    }
  }

  @Test("A collapsing run is called within fifty steps, a learning one is not")
  func collapse() {
    let method = Attraction()
    let optimizer = AdamW(
      method.optimizedParameters(weightDecay: 0, rule: .matrices), learningRate: 1e-3)
    var monitor = HealthMonitor()
    var called: Int?
    for step in 0..<50 {
      let views = (0..<2).map {
        DeterministicFill.tensor("v\($0).\(step)", [8, 3, 32, 32], bound: 2)
      }
      method.loss(
        features: views.map { method.encoder.features($0) }, targetFeatures: [], targets: nil,
        at: StepPosition(step: step, epoch: 0)
      ).backward()
      optimizer.step()
      optimizer.clearGradients()
      guard step % HealthMonitor.interval == 0,
        let record = HealthRecord(method, features: nil, step: step)
      else { continue }
      if let sentence = monitor.add(record) {
        called = step
        #expect(sentence.contains("collapsed") && sentence.contains("step \(step)"))
      }
    }
    #expect(called != nil, "\(monitor.records.map(\.outputSpread))")
    // A spread that starts small and grows is a fresh network, not a collapse.
    var healthy = HealthMonitor()
    for step in 0..<20 {
      let spread = 0.01 + 0.01 * Double(step)
      let record = HealthRecord(
        step: step * 5, outputSpread: spread, featureSpread: 0.1, effectiveRank: 5, positive: 0.9,
        negative: 0.8, momentumGap: 0)
      #expect(healthy.add(record) == nil)
    }
  }

  @Test("A forecast counts images, steps and operations, and memory that grows with the batch")
  func forecast() throws {
    let folder = try prepare()
    let data = try ClassificationData(root: folder.file("data/classification"))
    func measure(_ batch: Int) throws -> Forecast {
      var recipe = MethodDescription.moby.recipe(for: .swin(.mini), forTransformers: true)
      recipe.shrink(isSmoke: true)
      recipe.batchSize = batch
      var plan = PretrainingPlan(recipe, architecture: .swin(.mini))
      plan.inputSize = 64
      return try PretrainingRun(plan, data: data, dataName: "x").forecast()
    }
    let small = try measure(16)
    #expect(small.steps == 2 * (data.train.count / 16))
    #expect(small.images == small.steps * 16)
    // Two views forwards and backwards, two more forwards: 2·(3·2 + 2) operations a multiply-add.
    let macs = Architecture.swin(.mini).multiplyAdds(inputSize: 64)
    #expect(abs(small.gigaOperations - Double(16 * macs * small.images) / 1e9) < 1e-6)
    let large = try measure(64)
    #expect(large.memory > small.memory && small.memory > 0 && small.seconds > 0)
    #expect(small.text.contains("GFLOP") && small.text.contains("free, disk"))
    try small.check(folder: folder.path)
    // On a machine with less memory the batch that does fit is named, before any of it is used.
    var tight = large
    tight.availableMemory = small.memory
    let error = #expect(throws: UsageError.self) { try tight.check(folder: folder.path) }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("a batch of 64 does not fit") && text.contains("--accumulate"), "\(text)")
    tight.availableMemory = 0
    let hopeless = #expect(throws: UsageError.self) { try tight.check(folder: folder.path) }
    #expect(hopeless.map { "\($0)".contains("smaller network") } == true)
  }
}
