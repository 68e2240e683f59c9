import TensorCore
import TestSupport
import Testing

@Suite("Dense operations against PyTorch", .serialized, .timeLimit(.minutes(5)))
struct DenseReferenceTests {
  private func reference(_ name: String) throws -> OperationReference {
    try OperationReference(name, in: "dense_operations")
  }

  @Test("Convolutions")
  func convolutions() throws {
    for name in ["convolution", "convolution_rectified", "convolution_transposed"] {
      let r = try reference(name)
      let (x, w, b) = (try r.input("x"), try r.input("weight"), try r.input("bias"))
      let y =
        name == "convolution_transposed"
        ? convolutionTransposed2x2(x, weight: w, bias: b)
        : convolution3x3(x, weight: w, bias: b, rectified: name == "convolution_rectified")
      try r.expect(y, inputs: ["x": x, "weight": w, "bias": b], tolerance: 4e-6)
    }
  }

  @Test("Pooling")
  func pooling() throws {
    var r = try reference("subsampled")
    var x = try r.input("x")
    try r.expect(subsampled(x), inputs: ["x": x])
    for size in [1, 2, 3, 6] {
      r = try reference("adaptive_average_\(size)")
      x = try r.input("x")
      try r.expect(adaptiveAveragePooled(x, height: size, width: size), inputs: ["x": x])
    }
  }

  @Test(
    "Resizing up, down, to one pixel and to twice the size",
    arguments: [("up", 13, 18), ("down", 3, 4), ("one", 1, 1), ("double", 10, 14)])
  func resizing(name: String, height: Int, width: Int) throws {
    for corners in [false, true] {
      let r = try reference("bilinear_\(name)" + (corners ? "_corners" : ""))
      let x = try r.input("x")
      let y = bilinearResized(x, height: height, width: width, alignCorners: corners)
      try r.expect(y, inputs: ["x": x])
    }
    let r = try reference("nearest_\(name)")
    let x = try r.input("x")
    try r.expect(nearestResized(x, height: height, width: width), inputs: ["x": x])
  }

  /// As in dense_operations.py.
  private static let regions: [Region] = [
    Region(image: 0, x1: 3.2, y1: 2.1, x2: 19.7, y2: 17.9),
    Region(image: 1, x1: 0, y1: 0, x2: 30, y2: 24),
    Region(image: 0, x1: -7.5, y1: -3, x2: 9, y2: 40),
    Region(image: 1, x1: 11, y1: 5, x2: 11.4, y2: 5.3),
    Region(image: 0, x1: 8, y1: 8, x2: 8, y2: 8),
    Region(image: 1, x1: 26, y1: 21, x2: 44, y2: 33),
    Region(image: 0, x1: 50, y1: 50, x2: 60, y2: 60),
    Region(image: 1, x1: 1.7, y1: 0.3, x2: 28.9, y2: 3.1),
  ]

  @Test(
    "Aligned regions inside, across and outside the map, large, tiny and empty",
    arguments: [
      ("adaptive", 7, 7, 0, true), ("fixed", 3, 4, 2, true), ("unaligned", 4, 3, 0, false),
      ("unaligned_fixed", 2, 2, 3, false), ("mask", 5, 5, 0, true),
    ])
  func regions(name: String, height: Int, width: Int, ratio: Int, aligned: Bool) throws {
    let r = try reference("region_\(name)")
    let x = try r.input("x")
    let y = regionAligned(
      x, regions: Self.regions, height: height, width: width,
      spatialScale: name == "mask" ? 1 : 0.5, samplingRatio: ratio, aligned: aligned)
    // Single-precision coordinates near 30 weigh pixels with an error of 2⁻¹⁹.
    try r.expect(y, inputs: ["x": x], tolerance: 1e-5)
  }

  @Test("Regions with coordinates that are no numbers give zeros or nothing worse")
  func brokenRegions() {
    let x = DeterministicFill.tensor("regions.broken", [1, 5, 5, 2])
    let regions = [
      Region(image: 0, x1: .nan, y1: 0, x2: 3, y2: 3),
      Region(image: 0, x1: 4, y1: 4, x2: 1, y2: 1),
    ]
    let y = regionAligned(x, regions: regions, height: 2, width: 2, spatialScale: 1)
    #expect(y.values == [Float](repeating: 0, count: 16))
  }

  @Test("Normalisation and losses")
  func losses() throws {
    let targets = (0..<10).map { $0 % 4 == 0 ? 255 : (5 * $0 + 2) % 13 }
    var r = try reference("cross_entropy_ignoring")
    var x = try r.input("x", bound: 3)
    try r.expect(crossEntropy(x, targets: targets, ignoring: 255, normalizer: 10), inputs: ["x": x])
    r = try reference("cross_entropy_mean_ignoring")
    x = try r.input("x", bound: 3)
    try r.expect(crossEntropy(x, targets: targets, ignoring: 255), inputs: ["x": x])
    r = try reference("batch_norm_rectified")
    x = try r.input("x", bound: 2, centre: 0.5)
    let (w, b) = (try r.input("weight"), try r.input("bias"))
    let y = batchNorm(
      x, weight: w, bias: b, statistics: RunningStatistics(channelCount: 21), training: true,
      epsilon: 1e-5, momentum: 0.1, rectified: true)
    try r.expect(y, inputs: ["x": x, "weight": w, "bias": b], tolerance: 4e-6)
  }

  @Test("Regression losses with weights", arguments: ["binary_cross_entropy", "l1", "smooth_l1"])
  func regressionLosses(name: String) throws {
    let r = try reference(name)
    let x = try r.input("x", bound: name == "binary_cross_entropy" ? 20 : 1)
    var targets = r.constant("targets", [6, 9])
    if name == "binary_cross_entropy" {
      targets = Tensor(targets.values.map { abs($0) }, shape: [6, 9])
    }
    let weights = Tensor(r.constant("weights", [6, 9]).values.map { max($0, 0) }, shape: [6, 9])
    let loss =
      switch name {
      case "l1": l1Loss(x, targets: targets, weights: weights, normalizer: 11)
      case "smooth_l1":
        smoothL1Loss(x, targets: targets, weights: weights, beta: 1 / 9, normalizer: 11)
      default:
        binaryCrossEntropyWithLogits(x, targets: targets, weights: weights, normalizer: 11)
      }
    try r.expect(loss, inputs: ["x": x])
  }

  /// As in dense_operations.py.
  private static let proposals: [SIMD4<Float>] = (0..<9).map { index in
    let i = Float(index)
    return SIMD4(3 * i, 2 * i, 4 * i + 10, 2.5 * i + 8)
  }

  @Test("Decoded boxes, also beyond the clamp, and their generalised intersection over union")
  func boxes() throws {
    let coder = BoxCoder(deviations: SIMD4(0.1, 0.1, 0.2, 0.2))
    var r = try reference("decoded")
    var x = try r.input("x", bound: 24)
    #expect(x.values.contains { abs($0 * 0.2) > BoxCoder.sizeLimit })
    try r.expect(coder.decoded(proposals: Self.proposals, deltas: x), inputs: ["x": x])
    r = try reference("generalized_iou")
    x = try r.input("x", bound: 6)
    let boxes = coder.decoded(proposals: Self.proposals, deltas: x)
    let loss = generalizedIoULoss(boxes, targets: Self.proposals, normalizer: 7)
    try r.expect(loss, inputs: ["x": x], tolerance: 1e-5)
  }

  @Test("Encoding and decoding a target gives it back")
  func codes() {
    let coder = BoxCoder(deviations: SIMD4(0.05, 0.05, 0.1, 0.1))
    for (proposal, target) in zip(Self.proposals, Self.proposals.reversed()) {
      let deltas = coder.encoded(proposal: proposal, target: target)
      let difference = coder.decoded(proposal: proposal, deltas: deltas) - target
      #expect(max(abs(difference.max()), abs(difference.min())) < 1e-4)
    }
  }
}
