import Layers
import Models
import TensorCore
import Threads

/// How fast many threads could be: the work of each network, its longest chain, and the pieces of its
/// loops, recorded on one thread.
///
/// What is left out: waking threads (a few microseconds a loop), and memory that many cores share.
enum Scaling {
  /// Threads that bounds are printed for.
  private static let threadCounts = [2, 4, 16, 64]

  /// - Parameters:
  ///   - only: The batch that is looked at; nil is all.
  ///   - part: `inference`, `training` or `moby`; nil is all.
  static func measure(only: Int?, part: String?) throws {
    func isWanted(_ name: String, _ batch: Int) -> Bool {
      (only == nil || only == batch) && (part == nil || part == name)
    }
    let networks = [Architecture.swin(.tiny), .visionTransformer(.deitSmall)]
    for batch in [1, 8, 64] where isWanted("inference", batch) {
      for network in networks { inference(network, batch: batch) }
    }
    for batch in [8, 64] where isWanted("training", batch) {
      for network in networks { training(network, batch: batch) }
    }
    for batch in [8, 64] where isWanted("moby", batch) { try pretraining(batch: batch) }
  }

  private static func inference(_ network: Architecture, batch: Int) {
    let model = network.makeBackbone(inputSize: 224, initializer: Initializer(seed: 0))
    let images = Initializer(seed: 1).normal([batch, 3, 224, 224], key: "images")
    // Weights that are used often are laid out once.
    for _ in 0..<3 { withoutGradients { _ = model.features(images) } }
    report("inference", network, batch) { withoutGradients { _ = model.features(images) } }
  }

  private static func training(_ network: Architecture, batch: Int) {
    let model = network.makeBackbone(inputSize: 224, initializer: Initializer(seed: 0))
    let head = Linear(
      truncatedNormal: model.featureCount, 1000, key: "head.", Initializer(seed: 0))
    let optimizer = AdamW(
      (model.parameters + head.parameters).map {
        OptimizedParameter(key: $0.key, tensor: $0.tensor, weightDecay: 0.05)
      }, learningRate: 1e-4)
    let images = Initializer(seed: 1).normal([batch, 3, 224, 224], key: "images")
    let targets = (0..<batch).map { $0 * 31 % 1000 }
    report("training", network, batch) {
      crossEntropy(head(model.features(images)), targets: targets).backward()
      optimizer.update(rate: 1e-4, clipping: .global(5))
    }
  }

  private static func pretraining(batch: Int) throws {
    var recipe = MethodDescription.moby.recipe(for: .swin(.tiny))
    recipe.batchSize = batch
    let engine = PretrainingEngine(
      recipe, architecture: .swin(.tiny), inputSize: 224, classCount: 0, stepsPerEpoch: 1000,
      seed: 0)
    let views = PretrainingBatch(
      views: [1, 2].map { Initializer(seed: $0).normal([batch, 3, 224, 224], key: "images") })
    var step = 0
    try report("moby", .swin(.tiny), batch) {
      _ = try engine.step(views, step: step, epoch: 0)
      step += 1
    }
  }

  private static func report(
    _ part: String, _ network: Architecture, _ batch: Int, _ body: () throws -> Void
  ) rethrows {
    try body()
    let trace = try LoopTrace.record(cutFor: 64, body)
    var row: [String: Any] = [
      "part": "scaling", "of": part, "network": network.name, "batch": batch,
      "work": trace.work, "chain": trace.chain, "serial": trace.serial,
      "loops": trace.loops.count,
      "fewestPieces": trace.loops.map(\.pieces.count).min() ?? 0,
    ]
    for threads in threadCounts { row["bound\(threads)"] = trace.bound(threads: threads) }
    row["loopsByPieces"] = loopsByPieces(trace)
    BenchKernels.report(row)
  }

  /// The loops of each number of pieces: their part of the work, and of the time of most threads.
  private static func loopsByPieces(_ trace: LoopTrace) -> [[String: Any]] {
    let most = threadCounts.last ?? 1
    let whole = trace.work / trace.bound(threads: most)
    return Dictionary(grouping: trace.loops, by: \.pieces.count).sorted { $0.key < $1.key }.map {
      pieces, loops in
      let work = loops.reduce(0) { $0 + $1.pieces.reduce(0, +) }
      let time = loops.reduce(0) { $0 + $1.seconds(threads: most) }
      return [
        "pieces": pieces, "loops": loops.count, "work": rounded(work / trace.work),
        "time\(most)": rounded(time / whole), "bound": rounded(work / max(time, 1e-12)),
      ]
    }
  }

  private static func rounded(_ value: Double) -> Double { (value * 1e3).rounded() / 1e3 }
}
