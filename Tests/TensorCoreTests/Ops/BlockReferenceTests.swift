import TensorCore
import TestSupport
import Testing

/// The inputs of an attention branch by the names of the reference.
struct AttentionInputs {
  let tensors: [String: Tensor]
  let x: Tensor
  let weights: AttentionWeights

  init(_ r: OperationReference, window: Int?, heads: Int, epsilon: Float) throws {
    var tensors: [String: Tensor] = [:]
    func input(_ key: String) throws -> Tensor {
      let tensor = try r.input(key)
      tensors[key] = tensor
      return tensor
    }
    x = try input("x")
    weights = AttentionWeights(
      normWeight: try input("norm_weight"), normBias: try input("norm_bias"), epsilon: epsilon,
      qkvWeight: try input("qkv_weight"), qkvBias: try input("qkv_bias"),
      projectionWeight: try input("proj_weight"), projectionBias: try input("proj_bias"),
      biasTable: window == nil ? nil : try input("table"),
      biasIndex: window.map(WindowGeometry.relativePositionIndex) ?? [], headCount: heads)
    self.tensors = tensors
  }
}

/// The map and the windows of one reference.
struct WindowCase: CustomTestStringConvertible, Sendable {
  let name: String
  let height, width, window, shift, heads: Int
  var factors: [Float]?

  var testDescription: String { name }

  static let all = [
    WindowCase(name: "window", height: 8, width: 8, window: 4, shift: 0, heads: 2),
    WindowCase(
      name: "window_shifted", height: 4, width: 8, window: 4, shift: 2, heads: 2,
      factors: [1.25, 0.5]),
    WindowCase(
      name: "window_of_seven_shifted", height: 14, width: 14, window: 7, shift: 3, heads: 2),
    WindowCase(name: "window_padded", height: 10, width: 13, window: 7, shift: 0, heads: 2),
    WindowCase(name: "window_padded_shifted", height: 10, width: 13, window: 7, shift: 3, heads: 2),
    WindowCase(name: "window_single_shifted", height: 7, width: 7, window: 7, shift: 3, heads: 1),
  ]

  var geometry: WindowGeometry {
    .windows(height: height, width: width, window: window, shift: shift)
  }
}

@Suite("Fused blocks against PyTorch", .serialized, .timeLimit(.minutes(5)))
struct BlockReferenceTests {
  @Test("Window attention: shifted, masked, padded", arguments: WindowCase.all)
  func windowAttention(_ windows: WindowCase) throws {
    let r = try OperationReference(windows.name)
    let inputs = try AttentionInputs(
      r, window: windows.window, heads: windows.heads, epsilon: 1e-5)
    let out = attentionBlock(
      inputs.x, weights: inputs.weights, geometry: windows.geometry, factors: windows.factors)
    try r.expect(out, inputs: inputs.tensors)
  }

  @Test(
    "Global attention, with and without dropped branches",
    arguments: [("global", 2, nil), ("global_dropped", 3, [Float(0), 1.25])])
  func globalAttention(name: String, heads: Int, factors: [Float]?) throws {
    let r = try OperationReference(name)
    let inputs = try AttentionInputs(
      r, window: nil, heads: heads, epsilon: 1e-6)
    let out = attentionBlock(
      inputs.x, weights: inputs.weights, geometry: .global(tokenCount: inputs.x.shape[1]),
      factors: factors)
    try r.expect(out, inputs: inputs.tensors)
  }

  @Test(
    "MLP, with and without dropped branches",
    arguments: [("mlp", nil), ("mlp_dropped", [Float(1.25), 0])])
  func mlp(name: String, factors: [Float]?) throws {
    let r = try OperationReference(name)
    var tensors: [String: Tensor] = [:]
    for key in [
      "x", "norm_weight", "norm_bias", "hidden_weight", "hidden_bias", "output_weight",
      "output_bias",
    ] { tensors[key] = try r.input(key) }
    func tensor(_ key: String) throws -> Tensor { try #require(tensors[key]) }
    let weights = MLPWeights(
      normWeight: try tensor("norm_weight"), normBias: try tensor("norm_bias"), epsilon: 1e-5,
      hiddenWeight: try tensor("hidden_weight"), hiddenBias: try tensor("hidden_bias"),
      outputWeight: try tensor("output_weight"), outputBias: try tensor("output_bias"))
    try r.expect(
      mlpBlock(try tensor("x"), weights: weights, factors: factors), inputs: tensors)
  }

  @Test("A pass that keeps nothing for gradients gives the same bits", arguments: WindowCase.all)
  func withoutRecording(_ windows: WindowCase) throws {
    let r = try OperationReference(windows.name)
    let inputs = try AttentionInputs(
      r, window: windows.window, heads: windows.heads, epsilon: 1e-5)
    func run() -> [Float] {
      attentionBlock(
        inputs.x, weights: inputs.weights, geometry: windows.geometry, factors: windows.factors
      ).values
    }
    #expect(run() == withoutGradients { run() })
  }
}
