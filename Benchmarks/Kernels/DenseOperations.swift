import Foundation
import Models

/// Measures the operations of detection and segmentation heads.
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

  static func measureConvolutions() {
    for (name, shape) in convolutions {
      let (batch, inputs, outputs) = (shape[0], shape[1], shape[2])
      let (height, width) = (shape[3], shape[4])
      let initializer = Initializer(seed: 3)
      let x = initializer.normal([batch, height, width, inputs], key: "x")
      let weight = initializer.normal([outputs, inputs, 3, 3], key: "weight")
      let bias = initializer.normal([outputs], key: "bias")
      let work = 18.0 * Double(batch * inputs * outputs * height * width) / 1e9
      let forward = BenchKernels.best(seconds: 2) {
        withoutGradients { _ = convolution3x3(x, weight: weight, bias: bias) }
      }
      report(name, shape, "forward", work / forward)
      let seed = initializer.normal([batch, height, width, outputs], key: "seed")
      x.requiresGradient = true
      weight.requiresGradient = true
      bias.requiresGradient = true
      let both = BenchKernels.best(seconds: 3) {
        convolution3x3(x, weight: weight, bias: bias).backward(seed)
        for tensor in [x, weight, bias] { tensor.gradient = nil }
      }
      report(name, shape, "forward and backward", 3 * work / both)
    }
  }

  private static func report(_ name: String, _ shape: [Int], _ pass: String, _ rate: Double) {
    BenchKernels.report([
      "part": "convolution", "name": name, "shape": shape.map(String.init).joined(separator: "x"),
      "pass": pass, "gflops": rate,
    ])
  }
}
