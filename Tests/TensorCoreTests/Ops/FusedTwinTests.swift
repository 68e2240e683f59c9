import TensorCore
import TestSupport
import Testing

/// The fused blocks against the same branch put together from single operations.
@Suite("Fused blocks against single operations", .serialized, .timeLimit(.minutes(5)))
struct FusedTwinTests {
  private static func tensor(_ name: String, _ shape: [Int]) -> Tensor {
    let tensor = DeterministicFill.tensor("twin.\(name)", shape)
    tensor.requiresGradient = true
    return tensor
  }

  private static func expectEqual(
    _ inputs: [(String, Tensor)], _ fused: () -> Tensor, _ composed: () -> Tensor
  ) throws {
    func run(_ body: () -> Tensor) throws -> [[Float]] {
      for (_, input) in inputs { input.gradient = nil }
      let out = body()
      out.backward(DeterministicFill.tensor("twin.cotangent", out.shape))
      return try [out.values] + inputs.map { try #require($0.1.gradient, "\($0.0)").values }
    }
    let names = ["output"] + inputs.map(\.0)
    for (name, (a, b)) in zip(names, zip(try run(fused), try run(composed))) {
      let scale = b.reduce(0) { max($0, abs($1)) }
      expectClose(a, b.map { Double($0) }, relative: 0, absolute: 3e-6 * Double(scale), name)
    }
  }

  @Test(
    "Window attention",
    arguments: [(4, 6, 2, 0), (4, 6, 2, 1), (5, 7, 3, 1), (5, 7, 3, 0), (3, 3, 3, 1)])
  func windowAttention(height: Int, width: Int, window: Int, shift: Int) throws {
    let (channels, heads) = (6, 2)
    let x = Self.tensor("x", [2, height * width, channels])
    let side = 2 * window - 1
    let table = Self.tensor("table", [side * side, heads])
    let weights = AttentionWeights(
      normWeight: Self.tensor("nw", [channels]), normBias: Self.tensor("nb", [channels]),
      epsilon: 1e-5, qkvWeight: Self.tensor("qw", [3 * channels, channels]),
      qkvBias: Self.tensor("qb", [3 * channels]),
      projectionWeight: Self.tensor("pw", [channels, channels]),
      projectionBias: Self.tensor("pb", [channels]), biasTable: table,
      biasIndex: WindowGeometry.relativePositionIndex(window: window), headCount: heads)
    let geometry = WindowGeometry.windows(
      height: height, width: width, window: window, shift: shift)
    let inputs = [
      ("x", x), ("norm weight", weights.normWeight), ("norm bias", weights.normBias),
      ("qkv weight", weights.qkvWeight), ("qkv bias", weights.qkvBias),
      ("projection weight", weights.projectionWeight),
      ("projection bias", weights.projectionBias), ("table", table),
    ]
    try Self.expectEqual(
      inputs, { attentionBlock(x, weights: weights, geometry: geometry, factors: [0.5, 1.25]) },
      {
        composedAttention(
          x, weights: weights, table: table, geometry: geometry, factors: [0.5, 1.25])
      })
  }

  @Test("MLP")
  func mlp() throws {
    let (channels, hidden) = (18, 33)
    let x = Self.tensor("x", [3, 5, channels])
    let gain = Self.tensor("nw", [channels])
    let offset = Self.tensor("nb", [channels])
    func weights(hasNorm: Bool) -> MLPWeights {
      MLPWeights(
        normWeight: hasNorm ? gain : nil, normBias: hasNorm ? offset : nil, epsilon: 1e-5,
        hiddenWeight: Self.tensor("hw", [hidden, channels]),
        hiddenBias: Self.tensor("hb", [hidden]),
        outputWeight: Self.tensor("ow", [channels, hidden]),
        outputBias: Self.tensor("ob", [channels]))
    }
    func expectBranch(
      _ w: MLPWeights, _ inputs: [(String, Tensor)], _ fused: () -> Tensor,
      of normalized: () -> Tensor
    ) throws {
      let own = [
        ("x", x), ("hidden weight", w.hiddenWeight), ("hidden bias", w.hiddenBias),
        ("output weight", w.outputWeight), ("output bias", w.outputBias),
      ]
      try Self.expectEqual(
        own + inputs, fused,
        {
          let h = gelu(linear(normalized(), weight: w.hiddenWeight, bias: w.hiddenBias))
          let branch = linear(h, weight: w.outputWeight, bias: w.outputBias)
          return add(x, scaledRows(branch, by: [1, 0, 2]))
        })
    }
    let whole = weights(hasNorm: true)
    try expectBranch(
      whole, [("norm weight", gain), ("norm bias", offset)],
      { mlpBlock(x, weights: whole, factors: [1, 0, 2]) },
      of: { layerNorm(x, weight: gain, bias: offset, epsilon: 1e-5) })
    // What the MLP sees comes from elsewhere, and from x by another norm.
    let seen = Self.tensor("seen", [3, 5, channels])
    let bare = weights(hasNorm: false)
    try expectBranch(
      bare, [("seen", seen)], { mlpBlock(x, weights: bare, normalized: seen, factors: [1, 0, 2]) },
      of: { seen })
    func batchNormalized() -> Tensor {
      batchNorm(
        x, weight: gain, bias: offset, statistics: RunningStatistics(channelCount: channels),
        training: true, epsilon: 1e-5, momentum: 0.1)
    }
    try expectBranch(
      bare, [("norm weight", gain), ("norm bias", offset)],
      { mlpBlock(x, weights: bare, normalized: batchNormalized(), factors: [1, 0, 2]) },
      of: batchNormalized)
  }
}

/// Attention window by window and head by head, from rows, matrix products and softmax.
private func composedAttention(
  _ x: Tensor, weights: AttentionWeights, table: Tensor, geometry: WindowGeometry,
  factors: [Float]
) -> Tensor {
  let (batch, tokens, channels) = (x.shape[0], x.shape[1], x.shape[2])
  let (slots, heads) = (geometry.slotCount, weights.headCount)
  let size = channels / heads
  let normalized = layerNorm(
    x, weight: weights.normWeight, bias: weights.normBias, epsilon: weights.epsilon
  ).reshaped(to: [batch * tokens, channels])
  // Column h of the gathered table rows is the bias of head h.
  let entries = concatenated(weights.biasIndex.map { rows(table, Int($0)..<Int($0) + 1) })
  let biases = (0..<heads).map { head in
    let pick = Tensor((0..<heads).map { $0 == head ? 1 : 0 }, shape: [heads, 1])
    return matmul(entries, pick).reshaped(to: [slots, slots])
  }
  let selections = (0..<heads).map { head in
    let place = Tensor(zeros: [size, channels])
    for i in 0..<size { place.pointer[i * channels + head * size + i] = 1 }
    return place
  }
  var images: [Tensor] = []
  for image in 0..<batch {
    var outputs = [Tensor?](repeating: nil, count: tokens)
    for window in 0..<geometry.windowCount {
      let held = geometry.tokens[window * slots..<(window + 1) * slots].map { Int($0) }
      let cells = held.map { token in
        token < 0
          ? Tensor(zeros: [1, channels])
          : rows(normalized, image * tokens + token..<image * tokens + token + 1)
      }
      let input = concatenated(cells)
      var mixed: Tensor?
      for head in 0..<heads {
        func part(_ index: Int) -> Tensor {
          let range = index * channels + head * size..<index * channels + (head + 1) * size
          return linear(
            input, weight: rows(weights.qkvWeight, range), bias: rows(weights.qkvBias, range))
        }
        let query = scaled(part(0), by: 1 / Float(size).squareRoot())
        var logits = add(matmul(query, part(1), transposeB: true), biases[head])
        if geometry.maskIndices[window] >= 0 {
          let mask = geometry.masks[geometry.maskIndices[window]]
          let length = geometry.rowLength
          let square = (0..<slots * slots).map { mask[$0 / slots * length + $0 % slots] }
          logits = add(logits, Tensor(square, shape: [slots, slots]))
        }
        let placed = matmul(matmul(softmax(logits), part(2)), selections[head])
        mixed = mixed.map { add($0, placed) } ?? placed
      }
      let result = linear(
        mixed ?? input, weight: weights.projectionWeight, bias: weights.projectionBias)
      for (slot, token) in held.enumerated() where token >= 0 {
        outputs[token] = rows(result, slot..<slot + 1)
      }
    }
    images.append(concatenated(outputs.compactMap { $0 }))
  }
  let branch = concatenated(images).reshaped(to: x.shape)
  return add(x, scaledRows(branch, by: factors))
}
