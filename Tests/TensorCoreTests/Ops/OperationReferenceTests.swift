import Layers
import TensorCore
import TestSupport
import Testing

/// One operation held against `Tests/References/engine.py` (or `dense_operations.py`).
///
/// The inputs are made from their names; the reference holds the output for them and the gradient
/// of each for a fixed cotangent, computed in double precision.
struct OperationReference {
  let name: String
  let fixture: SafetensorsFixture

  init(_ name: String, in file: String = "operations") throws {
    self.name = name
    fixture = try SafetensorsFixture("TensorCore/\(file).safetensors")
  }

  /// An input that has a gradient in the reference.
  func input(_ key: String, bound: Float = 1, centre: Float = 0) throws -> Tensor {
    let shape = try fixture.shape("\(name)/gradient/\(key)")
    let tensor = constant(key, shape, bound: bound, centre: centre)
    tensor.requiresGradient = true
    return tensor
  }

  /// An input without a gradient.
  func constant(_ key: String, _ shape: [Int], bound: Float = 1, centre: Float = 0) -> Tensor {
    DeterministicFill.tensor("\(name).\(key)", shape, bound: bound, centre: centre)
  }

  /// Compares the output and, after a backward pass, the gradients of `inputs`.
  ///
  /// Errors are measured against the largest value of each array: single values may be what is
  /// left of large terms that cancel.
  func expect(
    _ output: Tensor, inputs: [String: Tensor], tolerance: Double = 2e-6,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      output.shape == (try fixture.shape("\(name)/output")), "\(name)",
      sourceLocation: sourceLocation)
    output.backward(DeterministicFill.tensor("\(name).cotangent", output.shape))
    var arrays = ["output": output]
    for (key, input) in inputs {
      let gradient: Tensor = try #require(
        input.gradient, "\(name): \(key) has no gradient", sourceLocation: sourceLocation)
      arrays["gradient/\(key)"] = gradient
    }
    let referenceKeys = fixture.keys.filter { $0.hasPrefix(name + "/") }
    #expect(
      Set(referenceKeys) == Set(arrays.keys.map { "\(name)/\($0)" }), sourceLocation: sourceLocation
    )
    for (key, array) in arrays {
      let expected = try fixture.values("\(name)/\(key)")
      let scale = expected.reduce(0) { max($0, abs($1)) }
      expectClose(
        array.values, expected, relative: 0, absolute: tolerance * scale, "\(name)/\(key)",
        sourceLocation: sourceLocation)
    }
  }
}

@Suite("Operations against PyTorch", .serialized, .timeLimit(.minutes(5)))
struct OperationReferenceTests {
  @Test("The deterministic fill has the values that the reference scripts use")
  func fill() throws {
    let fixture = try SafetensorsFixture("TensorCore/operations.safetensors")
    let plain = DeterministicFill.values("layers.0.blocks.1.attn.qkv.weight", count: 16)
    #expect(plain.map { Double($0) } == (try fixture.values("fill/plain")))
    let moved = DeterministicFill.values("input", count: 16, bound: 0.1, centre: 1)
    #expect(moved.map { Double($0) } == (try fixture.values("fill/moved")))
  }

  @Test("Linear maps and matrix products")
  func linearMaps() throws {
    var r = try OperationReference("linear")
    var (x, w) = (try r.input("x"), try r.input("weight"))
    let b = try r.input("bias")
    try r.expect(linear(x, weight: w, bias: b), inputs: ["x": x, "weight": w, "bias": b])
    r = try OperationReference("linear_without_bias")
    (x, w) = (try r.input("x"), try r.input("weight"))
    try r.expect(linear(x, weight: w, bias: nil), inputs: ["x": x, "weight": w])
    for transposed in [false, true] {
      r = try OperationReference(transposed ? "matmul_transposed" : "matmul")
      (x, w) = (try r.input("a"), try r.input("b"))
      try r.expect(matmul(x, w, transposeB: transposed), inputs: ["a": x, "b": w])
    }
  }

  @Test(
    "Layer normalisation",
    arguments: [
      ("layer_norm", Float(1e-5), Float(0), 2e-6), ("layer_norm_narrow", 1e-6, 0, 2e-6),
      // Values near 60 have an absolute error of 2⁻¹⁹ to begin with, beside a deviation of 0.6.
      ("layer_norm_offset", 1e-5, 60, 2e-5),
    ])
  func layerNormalization(name: String, epsilon: Float, centre: Float, tolerance: Double) throws {
    let r = try OperationReference(name)
    let x = try r.input("x", centre: centre)
    let (w, b) = (try r.input("weight"), try r.input("bias"))
    try r.expect(
      layerNorm(x, weight: w, bias: b, epsilon: epsilon),
      inputs: ["x": x, "weight": w, "bias": b], tolerance: tolerance)
  }

  @Test("Batch normalisation in training, with and without an affine map")
  func batchNormalization() throws {
    var r = try OperationReference("batch_norm")
    let (w, b) = (try r.input("weight"), try r.input("bias"))
    var x = try r.input("x")
    var out = batchNorm(
      x, weight: w, bias: b, statistics: RunningStatistics(channelCount: 21), training: true,
      epsilon: 1e-5, momentum: 0.1)
    try r.expect(out, inputs: ["x": x, "weight": w, "bias": b])
    r = try OperationReference("batch_norm_plain")
    x = try r.input("x")
    out = batchNorm(
      x, weight: nil, bias: nil, statistics: RunningStatistics(channelCount: 18), training: true,
      epsilon: 1e-5, momentum: 0.1)
    try r.expect(out, inputs: ["x": x])
  }

  @Test("Batch normalisation in evaluation uses the running statistics and leaves them alone")
  func batchNormalizationEvaluated() throws {
    let r = try OperationReference("batch_norm_evaluated")
    let statistics = RunningStatistics(channelCount: 21)
    let (mean, spread) = (r.constant("mean", [21]), r.constant("spread", [21], centre: 1.5))
    statistics.mean.pointer.update(from: mean.pointer, count: 21)
    statistics.variance.pointer.update(from: spread.pointer, count: 21)
    let (x, w, b) = (try r.input("x"), try r.input("weight"), try r.input("bias"))
    let out = batchNorm(
      x, weight: w, bias: b, statistics: statistics, training: false, epsilon: 1e-5, momentum: 0.1)
    try r.expect(out, inputs: ["x": x, "weight": w, "bias": b])
    #expect(statistics.mean.values == mean.values)
    #expect(statistics.variance.values == spread.values)
    #expect(statistics.batchCount == 0)
  }

  @Test("Running statistics after three training batches")
  func runningStatistics() throws {
    let r = try OperationReference("batch_norm_running")
    let statistics = RunningStatistics(channelCount: 21)
    for step in 0..<3 {
      _ = batchNorm(
        r.constant("x\(step)", [10, 21], bound: 2, centre: 0.5), weight: nil, bias: nil,
        statistics: statistics, training: true, epsilon: 1e-5, momentum: 0.1)
    }
    #expect(statistics.batchCount == 3)
    for (key, tensor) in [("mean", statistics.mean), ("variance", statistics.variance)] {
      expectClose(
        tensor.values, try r.fixture.values("batch_norm_running/\(key)"), relative: 2e-6,
        absolute: 1e-7, key)
    }
  }

  @Test(
    "Activations and normalisations of rows",
    arguments: [("gelu", Float(6)), ("relu", 1), ("softmax", 8), ("l2_normalized", 1)])
  func rowOperations(name: String, bound: Float) throws {
    let operations: [String: (Tensor) -> Tensor] = [
      "gelu": gelu, "relu": relu, "softmax": softmax, "l2_normalized": { l2Normalized($0) },
    ]
    let r = try OperationReference(name)
    let x = try r.input("x", bound: bound)
    let operation = try #require(operations[name])
    try r.expect(operation(x), inputs: ["x": x])
  }

  @Test("Cross-entropy of labels, smoothed labels and target distributions")
  func crossEntropies() throws {
    let labels = (0..<6).map { (5 * $0 + 2) % 13 }
    var r = try OperationReference("cross_entropy")
    var x = try r.input("x", bound: 3)
    try r.expect(crossEntropy(x, targets: labels), inputs: ["x": x])
    r = try OperationReference("cross_entropy_smoothed")
    x = try r.input("x", bound: 3)
    try r.expect(crossEntropy(x, targets: labels, labelSmoothing: 0.1), inputs: ["x": x])
    r = try OperationReference("cross_entropy_soft")
    x = try r.input("x", bound: 3)
    let targets = r.constant("targets", [6, 13], bound: 0.5, centre: 0.5)
    try r.expect(softCrossEntropy(x, targets: targets), inputs: ["x": x])
  }

  @Test("Contrastive logits, also when the queue moves on before the backward pass")
  func contrastive() throws {
    let r = try OperationReference("contrastive")
    let x = try r.input("x")
    let queue = r.constant("queue", [9, 18])
    let logits = contrastiveLogits(
      queries: x, keys: r.constant("keys", [5, 18]), queue: queue, temperature: 0.2)
    queue.pointer.update(repeating: 7, count: queue.elementCount)
    try r.expect(logits, inputs: ["x": x])
  }

  @Test("Patch embedding of images whose sides are no multiple of the patch")
  func embedding() throws {
    let r = try OperationReference("patch_embedding")
    let (w, b) = (try r.input("weight"), try r.input("bias"))
    let images = r.constant("images", [2, 3, 10, 13])
    try r.expect(patchEmbedding(images, weight: w, bias: b), inputs: ["weight": w, "bias": b])
  }

  @Test(
    "Patch merging takes top left, bottom left, top right, bottom right",
    arguments: [("patch_merging", 4, 6), ("patch_merging_odd", 5, 7)])
  func merging(name: String, height: Int, width: Int) throws {
    let r = try OperationReference(name)
    let x = try r.input("x")
    try r.expect(patchMergingGather(x, height: height, width: width), inputs: ["x": x])
    // A map whose token at (y, x) holds 10·y + x shows the order without a reference.
    let map = Tensor((0..<4).map { Float(10 * ($0 / 2) + $0 % 2) }, shape: [1, 4, 1])
    #expect(patchMergingGather(map, height: 2, width: 2).values == [0, 10, 1, 11])
  }

  @Test("Mean pooling, and leading tokens with positions")
  func tokens() throws {
    var r = try OperationReference("mean_pooled")
    let pooled = try r.input("x")
    try r.expect(meanPooled(pooled), inputs: ["x": pooled])
    r = try OperationReference("leading_tokens")
    let (x, leading, positions) = (
      try r.input("x"), try r.input("tokens"), try r.input("positions")
    )
    try r.expect(
      withLeadingTokens(x, tokens: leading, positions: positions),
      inputs: ["x": x, "tokens": leading, "positions": positions])
  }
}
