import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Geometry
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Harness

/// Writes an ADE20K-style set of small random scenes.
func makeSegmentationSet(in folder: TemporaryDirectory, count: Int = 5) throws -> SegmentationFolder
{
  for index in 0..<count {
    let (width, height) = (40 + index, 30)
    let pixels = SegmentationScenes.picture("loader \(index)", width: width, height: height)
    let labels = SegmentationScenes.regions(
      "map \(index)", width: width, height: height, classes: 4)
    try AtomicFile.write(
      try ImageFile.png(RGBImage(width: width, height: height, pixels: pixels)),
      to: folder.file("images/training/\(index).png"))
    let map = LabelMap(width: width, height: height, labels: labels.map { $0 == 255 ? 0 : $0 + 1 })
    try AtomicFile.write(
      try ImageFile.png(map), to: folder.file("annotations/training/\(index).png"))
  }
  return try SegmentationFolder(root: folder.path, split: .training)
}

@Suite("Loading segmentation batches", .timeLimit(.minutes(1)))
struct SegmentationLoaderTests {
  private let encoding = LabelEncoding(.reduceZero, classCount: 4)

  @Test("Every image comes once a pass, and an iteration does not depend on those before")
  func sampler() {
    let sampler = IterationSampler(imageCount: 7, batchSize: 3, seed: 4)
    let items = (0..<14).flatMap { sampler.items(iteration: $0) }
    for epoch in 0..<6 {
      let pass = items.filter { $0.epoch == epoch }.map(\.index)
      #expect(pass.sorted() == Array(0..<7))
      #expect(Array(items[epoch * 7..<(epoch + 1) * 7]).allSatisfy { $0.epoch == epoch })
    }
    #expect(Set((0..<6).map { epoch in items.filter { $0.epoch == epoch }.map(\.index) }).count > 1)
    #expect(IterationSampler(imageCount: 2, batchSize: 5, seed: 4).items(iteration: 1).count == 5)
  }

  @Test("Batches are those of the transform, for any number of threads and from any start")
  func batches() throws {
    let directory = try TemporaryDirectory()
    let folder = try makeSegmentationSet(in: directory)
    let transform = SegmentationAugmentation(cropSize: 24)
    let sampler = IterationSampler(imageCount: 5, batchSize: 3, seed: 8)
    func load(_ range: Range<Int>, threads: Int) throws -> [SegmentationLoader.Batch] {
      let loader = SegmentationLoader(
        folder: folder, encoding: encoding, transform: transform, sampler: sampler,
        iterations: range, threadCount: threads)
      var batches: [SegmentationLoader.Batch] = []
      while let batch = try loader.next() { batches.append(batch) }
      return batches
    }
    let all = try load(0..<6, threads: 1)
    #expect(all.map(\.iteration) == Array(0..<6))
    let others = try load(0..<6, threads: 4)
    let rest = try load(3..<6, threads: 2)
    for (batch, other) in Array(zip(all, others)) + Array(zip(all.dropFirst(3), rest)) {
      #expect(batch.images.values == other.images.values)
      #expect(batch.labels == other.labels)
    }
    let batch = all[4]
    for (position, item) in batch.items.enumerated() {
      var stream = RandomStream(
        seed: 8, purpose: .augmentation, epoch: item.epoch, sample: item.index)
      let (image, labels) = try folder.load(item.index, encoding)
      let sample = transform(image, labels, stream: &stream)
      #expect(sample.image.width <= 24)
      var expected = [Float](repeating: 0, count: 3 * 24 * 24)
      expected.withUnsafeMutableBufferPointer { sample.writeImage(size: 24, to: $0) }
      let values = batch.images.values
      #expect(Array(values[position * 1728..<(position + 1) * 1728]) == expected)
      #expect(batch.labels[position * 576] == sample.labels.labels[0])
    }
  }

  @Test("A bad pair stops its batch with the file's name; a loader may be dropped unread")
  func faults() throws {
    let directory = try TemporaryDirectory()
    let folder = try makeSegmentationSet(in: directory)
    let wrong = LabelMap(width: 3, height: 3, labels: [UInt8](repeating: 1, count: 9))
    try AtomicFile.write(
      try ImageFile.png(wrong), to: directory.file("annotations/training/2.png"))
    let loader = SegmentationLoader(
      folder: folder, encoding: encoding, transform: SegmentationAugmentation(cropSize: 24),
      sampler: IterationSampler(imageCount: 5, batchSize: 5, seed: 1), iterations: 0..<3)
    do {
      _ = try loader.next()
      Issue.record("a map of another size was accepted")
    } catch {
      #expect("\(error)".contains("2.png: is 3x3, its image 42x30"))
    }
  }

  @Test("The gate stops at wrong labels before anything is trained, and keeps its report")
  func gate() throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    for top in ["images", "annotations"] {
      try FileManager.default.createDirectory(
        atPath: directory.file("\(top)/validation"), withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: directory.file("\(top)/training/0.png"),
        toPath: directory.file("\(top)/validation/0.png"))
    }
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    let kept = try TemporaryDirectory()
    func pass() throws {
      try DatasetGate(root: directory.path, policy: .fail).pass(
        SegmentationCheck(root: directory.path, depth: .quick)
          .run(cachedIn: kept.path, threadCount: 2))
    }
    try pass()
    try AtomicFile.write(text: #"["a", "b", "c"]"#, to: directory.file("classes.json"))
    do {
      try pass()
      Issue.record("labels outside of the classes passed the gate")
    } catch {
      #expect("\(error)".contains("holds the value 4"))
    }
  }
}

/// Whole commands in processes of their own.
@Suite("bench-ade20k as a process", .timeLimit(.minutes(1)))
struct SegmentationProcessTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("Ground truth scores 100 % against itself, and a missing prediction is named")
  func evaluate() async throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    let truth = directory.file("annotations/training")
    let output = directory.file("out/scores.json")
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    // Predictions have no "other"; it is labelled nowhere.
    let predicted = directory.file("predicted")
    for index in 0..<5 {
      let map = try ImageFile.decodeLabels(path: "\(truth)/\(index).png")
      let filled = LabelMap(
        width: map.width, height: map.height, labels: map.labels.map { $0 == 0 ? 1 : $0 })
      try AtomicFile.write(try ImageFile.png(filled), to: "\(predicted)/\(index).png")
    }
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [truth = truth as String, predicted = predicted as String, output = output as String] in
      SegmentationCommands.run([
        "evaluate", "--ground-truth", truth, "--predictions", predicted, "--per-class",
        "--output", output, "--records", output + ".records", "--quiet",
      ])
    }
    #expect(text(result.standardOutputContent).contains("| 100.00 | [100.00, 100.00] | 100.00"))
    #expect(try SegmentationRecordFile.read(output + ".records", classCount: 4).records.count == 5)
    #expect(String(decoding: try FileBytes.read(output), as: UTF8.self).contains("\"mIoU\": 1"))
    try FileManager.default.removeItem(atPath: predicted + "/3.png")
    let missing = try await #require(
      processExitsWith: .exitCode(66), observing: [\.standardErrorContent]
    ) { [truth = truth as String, predicted = predicted as String] in
      SegmentationCommands.run([
        "evaluate", "--ground-truth", truth, "--predictions", predicted, "--quiet",
      ])
    }
    #expect(text(missing.standardErrorContent).contains("lacks 3.png of 5 predictions"))
  }

  @Test("show writes one picture an image; check finds a wrong map and fails its gate")
  func showAndCheck() async throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    let root = directory.path
    _ = try await #require(processExitsWith: .success) { [root = root as String] in
      SegmentationCommands.run([
        "show", "--images", root + "/images/training", "--labels", root + "/annotations/training",
        "--output", root + "/shown", "--count", "2", "--quiet",
      ])
    }
    let shown = try FileManager.default.contentsOfDirectory(atPath: root + "/shown").sorted()
    #expect(shown == ["0.png", "2.png"])
    #expect(try ImageFile.inspect(path: root + "/shown/0.png").width == 2 * 40 + 12)
    let checked = try await #require(
      processExitsWith: .exitCode(1), observing: [\.standardOutputContent]
    ) { [root = root as String] in
      DataCommands.run(["check", "--data", root, "--cache", root + "/cache", "--quiet"])
    }
    #expect(text(checked.standardOutputContent).contains("layout/missing  images/validation"))
  }
}
