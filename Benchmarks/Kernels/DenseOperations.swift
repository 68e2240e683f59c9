import Foundation
import Layers
import Models
import TensorCore

/// Measures the operations of detection and segmentation heads, forward and backward.
///
/// `Benchmarks/PyTorch/dense_operations.py` measures the same under the same names.
enum DenseOperations {
  /// Images, channels in and out, height and width of a 3x3 convolution, and where it occurs.
  static let convolutions: [(name: String, shape: [Int])] = [
    ("UPerNet fusion", [1, 2048, 512, 128, 128]), ("UPerNet level 0", [1, 512, 512, 128, 128]),
    ("UPerNet level 1", [1, 512, 512, 64, 64]), ("UPerNet level 2", [1, 512, 512, 32, 32]),
    ("UPerNet bottleneck", [1, 2816, 512, 16, 16]), ("auxiliary head", [1, 384, 256, 32, 32]),
    ("FPN P2", [1, 256, 256, 200, 304]), ("FPN P3", [1, 256, 256, 100, 152]),
    ("FPN P4", [1, 256, 256, 50, 76]), ("FPN P5", [1, 256, 256, 25, 38]),
    ("mask head", [128, 256, 256, 14, 14]), ("cascade box head", [512, 256, 256, 7, 7]),
  ]

  private static let initializer = Initializer(seed: 3)

  static func measure() {
    for (name, shape) in convolutions {
      let work = 18.0 * Double(shape.reduce(1, *)) / 1e9
      measure(
        name, [shape[0], shape[3], shape[4], shape[1]],
        parameters: [[shape[2], shape[1], 3, 3], [shape[2]]], work: work
      ) { convolution3x3($0, weight: $1[0], bias: $1[1]) }
    }
    measure("mask head deconvolution", [128, 14, 14, 256], parameters: [[256, 256, 2, 2], [256]]) {
      convolutionTransposed2x2($0, weight: $1[0], bias: $1[1])
    }
    measure("bilinear 16 to 128", [1, 16, 16, 512]) { x, _ in
      bilinearResized(x, height: 128, width: 128)
    }
    measure("bilinear logits to 512", [1, 128, 128, 150]) { x, _ in
      bilinearResized(x, height: 512, width: 512)
    }
    measure("nearest twice", [1, 100, 152, 256]) { x, _ in
      nearestResized(x, height: 200, width: 304)
    }
    measure("adaptive pool 6", [1, 16, 16, 768]) { x, _ in
      adaptiveAveragePooled(x, height: 6, width: 6)
    }
    let targets = (0..<512 * 512).map { $0 % 151 == 150 ? 255 : $0 % 151 }
    measure("cross-entropy 150 classes", [512 * 512, 150]) { x, _ in
      crossEntropy(x, targets: targets, ignoring: 255, normalizer: 512 * 512)
    }
    let regions = (0..<512).map { index in
      let (x, y) = (Float(index % 29 * 40), Float(index % 23 * 30))
      return Region(
        image: 0, x1: x, y1: y, x2: x + Float(20 + index % 17 * 5),
        y2: y + Float(16 + index % 13 * 7))
    }
    measure("region alignment 7", [1, 200, 304, 256]) { x, _ in
      regionAligned(x, regions: regions, height: 7, width: 7, spatialScale: 0.25)
    }
    for training in [true, false] {
      measure(
        training ? "batch norm, training" : "batch norm, evaluation", [1, 128, 128, 512],
        parameters: [[512], [512]]
      ) {
        batchNorm(
          $0, weight: $1[0], bias: $1[1], statistics: RunningStatistics(channelCount: 512),
          training: training, epsilon: 1e-5, momentum: 0.1, rectified: true)
      }
    }
    measureSuppression()
  }

  private static func measure(
    _ name: String, _ shape: [Int], parameters shapes: [[Int]] = [], work: Double? = nil,
    _ body: (Tensor, [Tensor]) -> Tensor
  ) {
    let x = initializer.normal(shape, key: "x")
    let parameters = shapes.enumerated().map { initializer.normal($1, key: "p\($0)") }
    var forward = 0.0
    withoutGradients { forward = BenchKernels.best(seconds: 2) { _ = body(x, parameters) } }
    report(name, "forward", forward, work: work)
    for tensor in [x] + parameters { tensor.requiresGradient = true }
    let seed = initializer.normal(withoutGradients { body(x, parameters) }.shape, key: "seed")
    let both = BenchKernels.best(seconds: 3) {
      body(x, parameters).backward(seed)
      for tensor in [x] + parameters { tensor.gradient = nil }
    }
    report(name, "forward and backward", both, work: work.map { 3 * $0 })
  }

  private static func measureSuppression() {
    let count = 2000
    let places = initializer.normal([count, 4], key: "boxes").values
    let boxes = (0..<count).flatMap { box -> [Float] in
      let (x, y) = (600 + 200 * places[4 * box], 400 + 150 * places[4 * box + 1])
      let (width, height) = (40 + 20 * abs(places[4 * box + 2]), 40 + 20 * abs(places[4 * box + 3]))
      return [x, y, x + width, y + height]
    }
    let scores = initializer.normal([count], key: "scores").values
    let seconds = BenchKernels.best(seconds: 1) {
      _ = nonMaximumSuppressed(boxes: boxes, scores: scores, threshold: 0.7)
    }
    report("suppression of 2000 boxes", "forward", seconds, work: nil)
  }

  private static func report(_ name: String, _ pass: String, _ seconds: Double, work: Double?) {
    var fields: [String: Any] = [
      "part": "dense", "name": name, "pass": pass, "milliseconds": seconds * 1000,
    ]
    if let work { fields["gflops"] = work / seconds }
    BenchKernels.report(fields)
  }
}
