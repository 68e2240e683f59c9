import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Layers
import Models
import Processes
import TensorCore
import Threads
import VisionData

/// What a pretraining run will take, measured before it begins.
struct Forecast: Sendable {
  /// Images that are looked at, and updates.
  let images, steps: Int
  /// Operations in all, in billions.
  let gigaOperations: Double
  /// Numbers that are trained.
  let parameterCount: Int
  /// Bytes of memory at the peak, bytes that are free now, and bytes that each image adds.
  let memory: Int
  var availableMemory: Int
  let memoryPerImage: Double
  /// Bytes that the run's files take.
  let disk: Int
  /// Seconds in all.
  let seconds: Double
  /// The batch that was asked for, and how many images go through a process at once.
  let batchSize, chunkSize: Int
  /// Processes that share the run, threads of each, and the part of the time that messages take.
  let processCount, threadCount: Int
  let messageShare: Double
  private let settings: any MethodSettings
  /// Whether a batch can be taken in pieces.
  private let hasPieces: Bool

  /// Measures three short steps on networks of their own: one to warm up, two of different sizes,
  /// so that what a step costs and what an image costs can be told apart.
  static func measure(
    _ plan: PretrainingPlan, data: ClassificationData, order: [Int], stepsPerEpoch: Int
  ) throws -> Forecast {
    let recipe = plan.recipe
    let ranks = Processes.current
    let ownBatch = max(1, recipe.batchSize / ranks.size)
    let chunk = min(plan.chunkSize, ownBatch)
    // Enough images to be measured, few enough to be quick.
    let affordable = Int(1.5e12 / plan.cost.operationsPerImage)
    let large = min(chunk, max(4, min(64, affordable)))
    let small = max(2, large / 2)
    var measured: [(count: Int, seconds: Double, memory: Int)] = []
    var parameterCount = 0
    var stateBytes = 0
    var exportedBytes = 0
    TensorMemory.restartPeak()
    do {
      for (index, count) in [small, small, large].enumerated() {
        var probe = recipe
        probe.batchSize = count
        probe.settings.fit(batchSize: count)
        try Interruption.check()
        let engine = PretrainingEngine(
          probe, architecture: plan.architecture, inputSize: plan.inputSize,
          classCount: data.train.classNames.count, stepsPerEpoch: stepsPerEpoch,
          seed: UInt64(plan.seed))
        let batch = makeNoise(plan, count: count, classes: data.train.classNames.count)
        TensorMemory.restartPeak()
        let watch = Stopwatch()
        _ = try engine.step(batch, step: 0, epoch: 0)
        let seconds = watch.seconds
        if index > 0 { measured.append((count, seconds, TensorMemory.peakBytes)) }
        parameterCount = engine.optimizer.parameters.reduce(0) { $0 + $1.tensor.elementCount }
        exportedBytes = (engine.method.parameters + engine.method.buffers).reduce(0) {
          $0 + $1.tensor.elementCount * 4
        }
        stateBytes =
          exportedBytes + engine.optimizer.state.reduce(0) { $0 + $1.tensor.elementCount * 4 }
      }
    }
    TensorMemory.restartPeak()
    let (a, b) = (measured[0], measured[1])
    let span = Double(max(1, b.count - a.count))
    // Noise must not make an image cost less than nothing.
    let perImage =
      b.count > a.count
      ? max((b.seconds - a.seconds) / span, 0.5 * b.seconds / Double(b.count))
      : b.seconds / Double(b.count)
    let perStep = max(0, b.seconds - perImage * Double(b.count))
    let bytesPerImage = b.count > a.count ? max(0, Double(b.memory - a.memory) / span) : 0
    let fixedBytes = Double(b.memory) - bytesPerImage * Double(b.count)
    let loading = try loadingSeconds(plan, data: data, order: order)
    let recompute =
      ownBatch > chunk
      ? plan.cost.operationsPerImage / plan.cost(recomputes: false).operationsPerImage : 1
    let threads = Double(ThreadPool.shared.threadCount)
    let messages = try messageSeconds(numbers: parameterCount)
    let secondsPerStep =
      perStep + Double(ownBatch) * (perImage * recompute + loading / threads) + messages
    let steps = stepsPerEpoch * recipe.epochs
    let images = steps * recipe.batchSize
    let pixels = plan.views.reduce(0) { $0 + $1.size * $1.size }
    // Views wait in memory: the batch at work and three more.
    let waiting = Double(4 * ownBatch * pixels * 3 * 4)
    // Groups whose batch norms meet have gradients of their own until all are through.
    let groupBytes =
      plan.architecture.hasBatchNorms
      ? 4 * Double(parameterCount) * Double(max(1, plan.groups / ranks.size)) : 0
    // What is saved is copied first.
    let memory =
      fixedBytes + groupBytes + bytesPerImage * Double(chunk) + waiting + Double(stateBytes) + 200e6
    return Forecast(
      images: images, steps: steps,
      gigaOperations: plan.cost.operationsPerImage * Double(images) / 1e9,
      parameterCount: parameterCount, memory: Int(memory * 1.1),
      availableMemory: SystemMemory.availableBytes / ranks.localSize,
      memoryPerImage: (bytesPerImage + Double(4 * pixels * 12)) * 1.1,
      disk: 2 * stateBytes + 2 * exportedBytes, seconds: Double(steps) * secondsPerStep,
      batchSize: recipe.batchSize, chunkSize: chunk, processCount: ranks.size,
      threadCount: ThreadPool.shared.threadCount, messageShare: messages / secondsPerStep,
      settings: recipe.settings, hasPieces: !plan.architecture.hasBatchNorms)
  }

  /// Seconds that the sum of gradients over the processes takes.
  private static func messageSeconds(numbers: Int) throws -> Double {
    let ranks = Processes.current
    guard ranks.size > 1 else { return 0 }
    var gradients = [Float](repeating: 1, count: numbers)
    try ranks.barrier()
    let watch = Stopwatch()
    try gradients.withUnsafeMutableBufferPointer { try ranks.sum($0) }
    return watch.seconds
  }

  private static func makeNoise(
    _ plan: PretrainingPlan, count: Int, classes: Int
  ) -> PretrainingBatch {
    let views = plan.views.enumerated().map { index, view in
      var stream = RandomStream(seed: 0, purpose: .test, sample: index)
      return Tensor(shape: [count, 3, view.size, view.size]) { values in
        for i in values.indices { values[i] = stream.uniform() * 4 - 2 }
      }
    }
    let targets = Tensor(repeating: 1 / Float(classes), shape: [count, classes])
    return PretrainingBatch(views: views, targets: targets)
  }

  /// Seconds of one thread that decoding and augmenting an image takes.
  private static func loadingSeconds(
    _ plan: PretrainingPlan, data: ClassificationData, order: [Int]
  ) throws -> Double {
    let views = plan.views
    var seconds = 0.0
    var count = 0
    for index in order.prefix(9) {
      let watch = Stopwatch()
      guard let image = try? data.train.image(index) else { continue }
      for (number, view) in views.enumerated() {
        var stream = RandomStream(seed: 0, purpose: .augmentation, sample: index * 16 + number)
        _ = Tensor(shape: [3, view.size, view.size]) {
          view.write(image, normalization: .imageNet, stream: &stream, to: $0)
        }
      }
      // The first one pays for cold caches.
      if count > 0 { seconds += watch.seconds }
      count += 1
    }
    return count > 1 ? seconds / Double(count - 1) : 0
  }

  /// Everything in a few lines.
  var text: String {
    func size(_ bytes: Int) -> String {
      bytes >= 1 << 30
        ? String(format: "%.1f GiB", Double(bytes) / Double(1 << 30))
        : String(format: "%.0f MiB", Double(bytes) / Double(1 << 20))
    }
    let operations =
      gigaOperations >= 1e6
      ? String(format: "%.2f PFLOP", gigaOperations / 1e6)
      : String(format: "%.0f GFLOP", gigaOperations)
    let processes =
      processCount > 1
      ? "\n          \(processCount) processes of \(threadCount) threads, memory is that of each; "
        + String(format: "%.1f %% of the time for messages", 100 * messageShare) : ""
    return """
      forecast: \(images) images in \(steps) steps, \(operations), \(parameterCount) parameters
                memory \(size(memory)) of \(size(availableMemory)) free, disk \(size(disk))
                about \(ProgressReporter.duration(seconds))\(processes)
      """
  }

  /// Refuses what does not fit, naming what would.
  ///
  /// - Throws: `UsageError` or `FileError`.
  func check(folder: String) throws {
    if memory > availableMemory {
      let gib = { (bytes: Int) in String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) }
      let fixed = Double(memory) - memoryPerImage * Double(chunkSize)
      let room = Int((Double(availableMemory) - fixed) / max(1, memoryPerImage))
      let fitting = largestBatch(room)
      let pieces = (batchSize + max(1, fitting) - 1) / max(1, fitting)
      let advice =
        processCount > 1
        ? "start fewer processes on a machine\(hasPieces ? ", or use --accumulate" : "")"
        : fitting == 0
          ? "use a smaller network or --input-size"
          : "use --batch-size \(fitting)"
            + (hasPieces ? ", or --accumulate \(pieces) with the same batch" : "")
      throw UsageError.conflict(
        "a batch of \(batchSize) does not fit: it needs \(gib(memory)) of memory, "
          + "\(gib(availableMemory)) are free; \(advice).")
    }
    var info = statvfs()
    if statvfs(folder, &info) == 0 {
      let free = Int(info.f_bavail) * Int(info.f_frsize)
      if disk > free {
        throw FileError(
          path: folder,
          problem: "has \(free >> 20) MiB of free disk, the run's files take \(disk >> 20) MiB",
          remedy: "free some space or choose another --output", exitCode: .cannotWrite)
      }
    }
  }

  /// The largest power of two up to `room` that the method's sizes go with.
  private func largestBatch(_ room: Int) -> Int {
    var size = 1
    while size * 2 <= min(room, batchSize) { size *= 2 }
    while size >= 2, settings.problem(batchSize: size) != nil { size /= 2 }
    return room >= 2 && size >= 2 ? size : 0
  }
}
