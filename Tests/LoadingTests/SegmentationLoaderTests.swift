import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Geometry
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Loading

@Suite("Loading segmentation batches", .timeLimit(.minutes(5)))
struct SegmentationLoaderTests {
  private let encoding = LabelEncoding(.reduceZero, classCount: 4)

  @Test("Every image comes once a pass, and a step does not depend on those before")
  func sampler() {
    let sampler = StepSampler(imageCount: 7, batchSize: 3, seed: 4)
    let items = (0..<14).flatMap { sampler.items(step: $0) }
    for epoch in 0..<6 {
      let pass = items.filter { $0.epoch == epoch }.map(\.index)
      #expect(pass.sorted() == Array(0..<7))
      #expect(Array(items[epoch * 7..<(epoch + 1) * 7]).allSatisfy { $0.epoch == epoch })
    }
    #expect(Set((0..<6).map { epoch in items.filter { $0.epoch == epoch }.map(\.index) }).count > 1)
    #expect(StepSampler(imageCount: 2, batchSize: 5, seed: 4).items(step: 1).count == 5)
  }

  @Test("Batches are those of the transform, for any number of threads and from any start")
  func batches() throws {
    let directory = try TemporaryDirectory()
    let folder = try makeSegmentationSet(in: directory)
    let transform = SegmentationAugmentation(cropSize: 24)
    let sampler = StepSampler(imageCount: 5, batchSize: 3, seed: 8)
    func load(_ range: Range<Int>, threads: Int) throws -> [SegmentationLoader.Batch] {
      let loader = SegmentationLoader(
        folder: folder, encoding: encoding, transform: transform, sampler: sampler,
        steps: range, threadCount: threads)
      var batches: [SegmentationLoader.Batch] = []
      while let batch = try loader.next() { batches.append(batch) }
      return batches
    }
    let all = try load(0..<6, threads: 1)
    #expect(all.map(\.step) == Array(0..<6))
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
      sampler: StepSampler(imageCount: 5, batchSize: 5, seed: 1), steps: 0..<3)
    do {
      _ = try loader.next()
      Issue.record("a map of another size was accepted")
    } catch {
      #expect("\(error)".contains("2.png: is 3x3, its image 42x30"))
    }
  }
}
