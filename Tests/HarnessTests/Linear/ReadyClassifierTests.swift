import CounterRandom
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Reporting
import SampleData
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Harness

/// Whole classifiers on images from elsewhere, and classifiers in files that are only scored.
@Suite("Ready and shifted classifiers", .serialized, .timeLimit(.minutes(10)))
struct ReadyClassifierTests {
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (8, 6))).generate(at: folder.file("data"))
    let reference = "reports/reference/imagenet_c.json"
    try AtomicFile.write(
      try FileBytes.read(SourceTree.path(reference)), to: folder.file(reference))
    return folder
  }

  private static let sizes = ["--preset", "mini", "--input-size", "32"]
  private static let training = [
    "--recipe", "fine-tune-swin", "--epochs", "1", "--batch-size", "16",
  ]

  private func run(
    _ arguments: [String], data: String = "data/classification", in folder: TemporaryDirectory
  ) throws -> String {
    let outcome = try ChildProgram.run(
      "bench-linear", Self.sizes + ["--data", data] + arguments, in: folder.path, limit: 200)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output
  }

  /// A classifier of the sample set's classes with large weights, so that answers differ.
  private func classifier(
    _ seed: UInt64, in folder: TemporaryDirectory
  ) throws -> (network: Classifier, names: [String]) {
    let names = try ImageFolder(root: folder.file("data/classification/train")).classNames
    var configuration = ClassifierConfiguration(
      backbone: .swin(.mini), classCount: names.count, inputSize: 32)
    configuration.headDeviation = 1
    return (Classifier(configuration, initializer: Initializer(seed: seed)), names)
  }

  @Test("Fine-tuned networks are tried on images from elsewhere, and the report judges each set")
  func shifts() throws {
    let folder = try prepare()
    let train = try ImageFolder(root: folder.file("data/classification/train"))
    let manager = FileManager.default
    for part in ["numbered", "part"] {
      try manager.createDirectory(atPath: folder.file(part), withIntermediateDirectories: true)
    }
    for (label, name) in train.classNames.enumerated() {
      let source = folder.file("data/classification/val/" + name)
      try manager.copyItem(atPath: source, toPath: folder.file("numbered/\(label)"))
      if label < 2 { try manager.copyItem(atPath: source, toPath: folder.file("part/" + name)) }
    }
    let made = try ChildProgram.run(
      "bench-data",
      [
        "corrupt", "--data", "data/classification", "--output", "c", "--corruptions", "contrast",
      ], in: folder.path)
    #expect(made.status == 0, "\(made.errors)")
    for (name, seed) in [("a", 1), ("b", 2)] {
      let (network, _) = try classifier(UInt64(seed), in: folder)
      try CheckpointWriter.write(
        StateDictionary(network.backbone).entries, to: folder.file(name + ".pth"))
    }
    let options =
      Self.training + [
        "--backbone", "a.pth,b.pth", "--seeds", "0,1", "--output", "runs", "--corruptions",
        "contrast", "--shifts", "v2=numbered,r=part,c=c,made=made",
      ]
    let output = try run(options, in: folder)
    #expect(output.contains("The same classifiers on other images"), "\(output)")
    #expect(output.contains("answers are among the 2 classes of r"), "\(output)")
    #expect(output.contains("c, mCE over 1"), "\(output)")
    let found = try folder.results(under: "runs").filter { $0.backbone["name"] == "a" }
    #expect(found.count == 5 && found.allSatisfy { $0.task == "finetune" })
    func of(_ name: String) throws -> RunResult {
      try #require(found.first { $0.data["name"] == name })
    }
    let (main, numbered) = (try of("classification"), try of("v2"))
    // The same images under other folders: the same answers of each network.
    for name in ["top1", "top1_seed0", "top1_seed1", "mean_class"] {
      #expect(numbered.metrics[name] == main.metrics[name], "\(name)")
    }
    #expect(numbered.settings["recipe"] == "fine-tune-swin")
    #expect(numbered.classes.count == train.classNames.count)
    let part = try of("r")
    #expect(part.classes.map(\.name) == Array(train.classNames.prefix(2)))
    #expect((part.metrics["top1"]?.value ?? 0) >= (main.metrics["top1"]?.value ?? 1))
    // Made on the way or read from the folder that bench-data made: the same files, the same errors.
    let (kept, way) = (try of("c"), try of("made"))
    for name in ["mce", "mce_seed1", "corruption_error", "error_contrast_seed0"] {
      #expect(kept.metrics[name]?.value.isFinite == true)
      #expect(kept.metrics[name] == way.metrics[name], "\(name)")
    }
    let mean = try [0, 1].map { try #require(kept.metrics["mce_seed\($0)"]).value }
    #expect(abs((kept.metrics["mce"]?.value ?? 0) - (mean[0] + mean[1]) / 2) < 1e-12)
    #expect(kept.metrics["mce"]?.interval != nil && kept.settings["primary"] == "mce")
    #expect(Set(way.files.keys) == ["seed-0/corruptions.jsonl", "seed-1/corruptions.jsonl"])
    // Nothing is computed twice, and a set that is named later needs no other training.
    let again = try ChildProgram.run(
      "bench-linear", Self.sizes + ["--data", "data/classification"] + options, in: folder.path)
    #expect(again.output == output && !again.errors.contains("0/"), "\(again.errors)")
    let page = try ChildProgram.run(
      "bench-report", ["--runs", "runs", "--output", "page", "--baseline", "a"], in: folder.path)
    #expect(page.status == 0, "\(page.errors)")
    let json = try #require(
      try ChildProgram.files(under: folder.file("page")).first { $0.key.hasSuffix("report.json") })
    let report = try #require(JSONValue(parsing: Array(json.value)))
    let sections = report["sections"]?.arrayValue ?? []
    #expect(sections.count == 5, "\(sections.count) tables")
    for section in sections {
      let rows = section["rows"]?.arrayValue ?? []
      #expect(rows.count == 2 && rows.allSatisfy { $0["deviations"]?.arrayValue?.isEmpty == true })
      #expect(rows.last?.text().contains("\"verdict\"") == true, "\(section.text())")
    }
  }

  @Test("A classifier in a file answers as it did where it was trained, also from a larger head")
  func ready() throws {
    let folder = try prepare()
    let (network, names) = try classifier(3, in: folder)
    try network.write(metadata: [], to: folder.file("own.pth"))
    let test = ["--eval-only", "--output", "runs"]
    let output = try run(["--classifier", "own.pth"] + test, in: folder)
    #expect(output.contains("top-1 is of the classifiers as they are"), "\(output)")
    let own = try #require(try folder.results(under: "runs").first)
    // The slow twin: image by image through the network.
    let images = try ImageFolder(root: folder.file("data/classification/val"), classNames: names)
    let view = EvaluationTransform(resizeSize: 36, cropSize: 32, filter: .bicubic)
    let logits = try (0..<images.count).map { index in
      let image = try images.image(index)
      let pixels = BatchBuffer(shape: [1, 3, 32, 32])
      var stream = RandomStream(seed: 0, purpose: .test)
      pixels.withRow(0) {
        view.write(image, normalization: .imageNet, stream: &stream, to: $0)
      }
      return withoutGradients {
        network.logits(ofFeatures: network.backbone.features(pixels.tensor)).values
      }
    }
    let right = logits.enumerated().count { index, row in
      row.indices.max { row[$0] < row[$1] } == Int(images.labels[index])
    }
    #expect(own.metrics["top1"]?.value == Double(right) / Double(images.count))
    #expect(own.settings["seeds"] == nil && own.data["train"] == nil)
    // The same rows among those of a thousand others.
    var configuration = network.configuration
    configuration.classCount = 1000 + names.count
    let large = Classifier(configuration, initializer: Initializer(seed: 4))
    large.backbone.copyParameters(from: network.backbone)
    let places = names.indices.map { 1 + 97 * $0 }
    let width = network.backbone.featureCount
    var (weight, bias) = (large.head.weight.values, large.head.bias?.values ?? [])
    var classes = (0..<configuration.classCount).map { "other \($0)" }
    for (label, place) in places.enumerated() {
      classes[place] = names[label]
      weight.replaceSubrange(
        place * width..<(place + 1) * width,
        with: network.head.weight.values[label * width..<(label + 1) * width])
      bias[place] = network.head.bias?.values[label] ?? 0
    }
    large.head.weight.assign(weight)
    large.head.bias?.assign(bias)
    #expect(large.keeping(places).head.weight.values == network.head.weight.values)
    try large.write(metadata: [], to: folder.file("large.pth"))
    try AtomicFile.write(
      text: classes.joined(separator: "\n") + "\n", to: folder.file("classes.txt"))
    let part = try run(
      ["--classifier", "large.pth", "--class-map", "classes.txt"] + test, in: folder)
    #expect(part.contains("answers among \(names.count) of \(classes.count) classes"), "\(part)")
    let restricted = try #require(
      try folder.results(under: "runs").first { $0.backbone["name"] == "large" })
    #expect(restricted.metrics["top1"] == own.metrics["top1"])
    #expect(restricted.settings["class map"]?.hasPrefix("sha256 ") == true)
    // Training images need not be there.
    try FileManager.default.copyItem(
      atPath: folder.file("data/classification/val"), toPath: folder.file("lone"))
    _ = try run(
      ["--classifier", "own.pth", "--eval-only", "--output", "lone-runs"], data: "lone", in: folder)
    let lone = try #require(try folder.results(under: "lone-runs").first)
    #expect(lone.metrics["top1"] == own.metrics["top1"])
    // What is trained on starts with all of it: a rate of next to nothing leaves the answers.
    _ = try run(
      Self.training + [
        "--classifier", "large.pth", "--class-map", "classes.txt", "--seeds", "0",
        "--learning-rates", "1e-20", "--output", "further",
      ], in: folder)
    let further = try #require(try folder.results(under: "further").first)
    #expect(further.metrics["top1"]?.value == own.metrics["top1"]?.value)
    #expect(further.settings["start"] == "whole classifier")
    try refusals(folder, network, names)
  }

  private func refusals(
    _ folder: TemporaryDirectory, _ network: Classifier, _ names: [String]
  ) throws {
    try CheckpointWriter.write(
      StateDictionary(network.backbone).entries, to: folder.file("headless.pth"))
    try network.write(
      metadata: [("classes", (names.dropLast() + ["zebra"]).joined(separator: ","))],
      to: folder.file("zebra.pth"))
    try AtomicFile.write(text: names.dropLast().joined(separator: "\n"), to: folder.file("few.txt"))
    try AtomicFile.write(
      text: (["zebra"] + names.dropLast()).joined(separator: "\n"), to: folder.file("zebra.txt"))
    for (arguments, part) in [
      (["--classifier", "large.pth"], "name its classes in their order with --class-map"),
      (["--classifier", "own.pth", "--class-map", "few.txt"], "classes where own.pth has"),
      (["--classifier", "own.pth", "--class-map", "zebra.txt"], "does not name the class"),
      (["--classifier", "zebra.pth"], "was trained for the classes"),
      (["--classifier", "headless.pth"], "not the head of a classifier"),
      (["--classifier", "own.pth", "--input-size", "64"], "give --input-size 32"),
      (["--classifier", "own.pth", "--epochs", "3"], "--epochs is about training"),
      (["--classifier", "own.pth", "--seeds", "0,1"], "give one of --seeds"),
      (["--classifier", "own.pth", "--recipe", "dino"], "leaves the backbone as it is"),
      (["--classifier", "own.pth", "--backbone", "a.pth"], "give --classifier or --backbone"),
      (["--backbone", "own.pth", "--class-map", "few.txt"], "--classifier"),
      (["--recipe", "fine-tune-swin"], "--eval-only needs --classifier"),
    ] {
      let refused = try ChildProgram.run(
        "bench-linear",
        Self.sizes + ["--data", "data/classification", "--eval-only", "--output", "none"]
          + arguments, in: folder.path)
      #expect(refused.status != 0 && refused.failures.count == 1, "\(arguments) \(refused.errors)")
      #expect(refused.errors.contains(part), "\(arguments): \(refused.errors)")
    }
  }
}
