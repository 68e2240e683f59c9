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
  ///   - part: `inference`, `training`, `moby` or `detector`; nil is all.
  static func measure(only: Int?, part: String?) throws {
    func isWanted(_ name: String, _ batch: Int) -> Bool {
      (only == nil || only == batch) && (part == nil || part == name)
    }
    let networks = [Architecture.swin(.tiny), .visionTransformer(.deitSmall)]
    for batch in [1, 8, 64] where isWanted("inference", batch) {
      for network in networks {
        let pass = BenchKernels.inferencePass(network, batch: batch)
        // Weights that are used often are laid out once.
        for _ in 0..<3 { pass() }
        report("inference", network, batch, pass)
      }
    }
    for batch in [8, 64] where isWanted("training", batch) {
      for network in networks {
        report(
          "training", network, batch,
          BenchKernels.trainingStep(network, batch: batch, clipping: .global(5)))
      }
    }
    for batch in [8, 64] where isWanted("moby", batch) {
      try report(
        "moby", .swin(.tiny), batch, BenchKernels.pretrainingStep(batch: batch, groups: 1))
    }
    // The small detector that learns the sample set.
    if isWanted("detector", 2) {
      let detector = Detector(
        .maskRCNN.miniature(classCount: 10), initializer: Initializer(seed: 0))
      report(
        "detector", detector.configuration.backbone, 2,
        WholeModels.detectorStep(detector, size: (192, 256)))
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
