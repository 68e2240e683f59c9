import Foundation
import Layers
import Models
import TensorCore
import Threads

/// Measures the engine: matrix products, dense operations, Swin-T inference and training, and the
/// networks of detection and segmentation; and the network between processes.
///
/// Prints one JSON object a line. `make benchmark` runs it beside other engines.
@main
struct BenchKernels {
  static func main() throws {
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    let wanted = arguments.first ?? "all"
    if wanted == "cluster" { ClusterCommand.run(Array(arguments.dropFirst())) }
    if wanted == "network" { NetworkCommand.run(Array(arguments.dropFirst())) }
    let parts = [
      "sgemm", "dense", "inference", "training", "moby", "detector", "segmentor", "data", "network",
      "cluster", "scaling", "all",
    ]
    let choices = parts.joined(separator: ", ")
    if ["--help", "--help-all", "-h"].contains(wanted) {
      print(
        "Usage: bench-kernels [part]\n\nPrints a JSON object a measurement. Parts: \(choices). [all]\n"
          + "network and cluster have a --help of their own; Benchmarks/Kernels/README.md says more."
      )
      return
    }
    guard parts.contains(wanted) else {
      FileHandle.standardError.write(
        Data("Error: unknown part '\(wanted)'; use one of: \(choices)\n".utf8))
      exit(64)
    }
    if wanted == "all" || wanted == "sgemm" { matrixProducts() }
    if wanted == "all" || wanted == "dense" { DenseOperations.measure() }
    if wanted == "all" || wanted == "inference" {
      forEachPrecision { precision in
        for network in [Architecture.swin(.tiny), .visionTransformer(.deitSmall)] {
          for batch in [1, 8, 32] { inference(network, batch: batch, precision) }
        }
      }
    }
    if wanted == "all" || wanted == "training" {
      forEachPrecision { precision in
        for batch in [8, 16] { training(batch: batch, precision) }
      }
    }
    if wanted == "all" || wanted == "moby" {
      for batch in [8, 16] { try pretraining(batch: batch) }
    }
    if wanted == "all" || wanted == "detector" { WholeModels.detector() }
    if wanted == "all" || wanted == "segmentor" { WholeModels.segmentor() }
    // Not a part of all: it runs on one thread.
    if wanted == "scaling" {
      try Scaling.measure(
        only: arguments.dropFirst().first.flatMap(Int.init), part: arguments.dropFirst(2).first)
    }
    if wanted == "all" || wanted == "data" {
      DataPipelines.measure(folder: arguments.dropFirst().first)
    }
  }

  /// Runs `body` in single precision and, where the processor gains by it, in bfloat16.
  static func forEachPrecision(_ body: (Precision) -> Void) {
    for precision in Precision.allCases {
      if let reason = Precision.use(precision) {
        FileHandle.standardError.write(Data("no \(precision): \(reason)\n".utf8))
      } else {
        body(precision)
      }
    }
    _ = Precision.use(.f32)
  }

  /// Products `x Wᵀ` with weights laid out before, by our own kernels and by OpenBLAS.
  static func matrixProducts() {
    for (m, n, k) in [(1024, 1024, 1024), (3136, 288, 96), (784, 768, 192), (392, 1536, 384)] {
      let x = Tensor(repeating: 0.5, shape: [m, k])
      let weight = Tensor(repeating: 0.25, shape: [n, k])
      let repeats = max(1, Int(2e9 / (2.0 * Double(m * n * k))))
      func measure(_ name: String) {
        let seconds = best(seconds: 2) {
          withoutGradients {
            for _ in 0..<repeats { _ = linear(x, weight: weight, bias: nil) }
          }
        }
        let rate = 2.0 * Double(m * n * k * repeats) / seconds / 1e9
        report(["part": "sgemm", "shape": "\(m)x\(n)x\(k)", "gflops": rate, "products": name])
      }
      forEachPrecision { measure("own \($0)") }
      if let problem = ProductLibrary.use(.openblas) {
        FileHandle.standardError.write(Data("no OpenBLAS: \(problem)\n".utf8))
      } else {
        measure("openblas \(BLAS.coreName)")
        _ = ProductLibrary.use(.own)
      }
    }
  }

  static func inference(_ network: Architecture, batch: Int, _ precision: Precision) {
    let seconds = best(seconds: 4, inferencePass(network, batch: batch))
    report([
      "part": "inference", "network": network.name, "precision": precision.rawValue,
      "batch": batch, "imagesPerSecond": Double(batch) / seconds,
    ])
  }

  static func training(batch: Int, _ precision: Precision) {
    let seconds = best(trainingStep(.swin(.tiny), batch: batch))
    report([
      "part": "training", "network": "Swin-T", "precision": precision.rawValue, "batch": batch,
      "imagesPerSecond": Double(batch) / seconds,
    ])
  }

  /// A whole step of MoBY: four forward passes, two backward, target, queues, clipping, AdamW.
  ///
  /// In one group, and in as many as are usual.
  static func pretraining(batch: Int) throws {
    let usual = ImageGroups.usualCount(
      batchSize: batch,
      workPerImage: 2 * Double(Architecture.swin(.tiny).multiplyAdds(inputSize: 224)))
    for groups in Set([1, usual]).sorted() {
      let seconds = try best(pretrainingStep(batch: batch, groups: groups))
      report([
        "part": "moby", "batch": batch, "groups": groups,
        "imagesPerSecond": Double(batch) / seconds,
      ])
    }
  }

  // MARK: What is measured

  private static func images(_ batch: Int, seed: UInt64 = 1) -> Tensor {
    Initializer(seed: seed).normal([batch, 3, 224, 224], key: "images")
  }

  /// The features of a batch.
  static func inferencePass(_ network: Architecture, batch: Int) -> () -> Void {
    let model = network.makeBackbone(inputSize: 224, initializer: Initializer(seed: 0))
    let images = images(batch)
    return { withoutGradients { _ = model.features(images) } }
  }

  /// A supervised step with a classifier of 1000 classes.
  static func trainingStep(
    _ network: Architecture, batch: Int, clipping: GradientClipping? = nil
  ) -> () -> Void {
    let model = network.makeBackbone(inputSize: 224, initializer: Initializer(seed: 0))
    let head = Linear(
      truncatedNormal: model.featureCount, 1000, key: "head.", Initializer(seed: 0))
    let optimizer = AdamW(
      (model.parameters + head.parameters).map {
        OptimizedParameter(key: $0.key, tensor: $0.tensor, weightDecay: 0.05)
      }, learningRate: 0)
    let images = images(batch)
    let targets = (0..<batch).map { $0 * 31 % 1000 }
    return {
      crossEntropy(head(model.features(images)), targets: targets).backward()
      optimizer.update(rate: 1e-4, clipping: clipping)
    }
  }

  /// A step of MoBY with Swin-T.
  static func pretrainingStep(batch: Int, groups: Int) -> () throws -> Void {
    var recipe = MethodDescription.moby.recipe(for: .swin(.tiny))
    recipe.batchSize = batch
    let engine = PretrainingEngine(
      recipe, architecture: .swin(.tiny), inputSize: 224, classCount: 0, stepsPerEpoch: 1000,
      seed: 0, groups: ImageGroups(batchSize: batch, count: groups))
    let views = PretrainingBatch(views: [1, 2].map { images(batch, seed: $0) })
    var step = 0
    return {
      _ = try engine.step(views, step: step, epoch: 0)
      step += 1
    }
  }

  /// The shortest of several runs after one to warm up; at least three, for about `seconds`.
  static func best(seconds budget: Double = 6, _ body: () throws -> Void) rethrows -> Double {
    try body()
    var shortest = Double.infinity
    var total = 0.0
    var runs = 0
    while runs < 3 || total < budget {
      let start = DispatchTime.now().uptimeNanoseconds
      try body()
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
      shortest = min(shortest, seconds)
      total += seconds
      runs += 1
    }
    return shortest
  }

  static func report(_ fields: [String: Any]) {
    var fields = fields
    fields["threads"] = ThreadPool.shared.threadCount
    fields["peakMiB"] = peakMiB()
    fields["who"] = "swinbench"
    if let data = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys]) {
      FileHandle.standardOutput.write(data + Data("\n".utf8))
    }
  }

  /// The most memory this process ever held, in MiB.
  static func peakMiB() -> Int {
    var usage = rusage()
    getrusage(0, &usage)  // 0 is RUSAGE_SELF
    return usage.ru_maxrss / 1024
  }
}
