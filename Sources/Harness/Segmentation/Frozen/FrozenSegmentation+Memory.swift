import CommandLine
import CounterRandom
import FileSupport
import Loading
import Models
import Processes
import Protocols
import Reporting
import TensorCore
import Training
import VisionData

extension FrozenSegmentation {
  /// Images that go through the backbone at once, of all processes.
  private static let batchSize = 8

  /// One view of every training image, and of it the cells that its part of the memory holds.
  func memory(
    _ backbone: FrozenBackbone, _ pixels: ByteNormalization, seed: Int, label: String
  ) throws -> PatchMemory {
    // Where there is no room for a cell of each image, the first of a shuffled order have one.
    let imageCount = min(task.imageCounts.training, recipe.memorySize)
    let limit = recipe.memorySize / imageCount
    let ranks = Processes.current
    let sampler = StepSampler(
      imageCount: task.imageCounts.training,
      batchSize: min(max(Self.batchSize, ranks.size), imageCount), seed: UInt64(seed))
    let share = ranks.share(of: sampler.batchSize)
    let stepCount = (imageCount + sampler.batchSize - 1) / sampler.batchSize
    let loader = task.loader(sampler, share: share, steps: 0..<stepCount, pixels: pixels)
    let progress = ProgressReporter(label, total: imageCount, unit: "images")
    var memory = PatchMemory.Part()
    for step in 0..<stepCount {
      guard try !ranks.any(Interruption.isRequested) else { throw InterruptedError() }
      let count = min(sampler.batchSize, imageCount - step * sampler.batchSize)
      let own = try (share.isEmpty ? nil : loader?.next()).map { batch in
        cells(
          of: batch, prefix: max(0, count - share.lowerBound), backbone, seed: seed, limit: limit)
      }
      memory.append(try (own ?? .init()).joined(by: ranks, width: backbone.network.featureCount))
      progress.advance(by: count)
    }
    progress.finish()
    guard let known = memory.memory(classCount: classCount) else {
      throw DatasetError(
        path: task.images.root, problem: "has no labelled pixel in its training images",
        remedy: "check --labels and --classes")
    }
    return known
  }

  /// Labelled cells of a batch's first images.
  ///
  /// - Parameter prefix: How many of them count; the rest come a second time.
  private func cells(
    of batch: SegmentationLoader.Batch, prefix: Int, _ backbone: FrozenBackbone, seed: Int,
    limit: Int
  ) -> PatchMemory.Part {
    let map = withoutGradients { backbone.network.patchMap(batch.images) }
    let (rows, columns, width) = (map.shape[1], map.shape[2], map.shape[3])
    let all = map.reshaped(to: [map.elementCount / width, width])
    var part = PatchMemory.Part()
    for (place, item) in batch.items.prefix(prefix).enumerated() {
      let own = LabelledCells(
        batch.labels(place..<place + 1)[...], side: recipe.cropSize, rows: rows, columns: columns,
        classCount: classCount)
      var stream = RandomStream(seed: UInt64(seed), purpose: .sampling, sample: item.index)
      let chosen = own.sample(limit, stream: &stream)
      guard !chosen.isEmpty else { continue }
      part.append(
        selectedRows(all, chosen.map { place * rows * columns + own.places[$0] }),
        labels: chosen.flatMap(own.parts))
    }
    return part
  }
}
