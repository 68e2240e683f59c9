import Layers
import TensorCore
import TestSupport
import Testing

/// A tensor of test numbers; the name keeps it apart from the others.
private func tensor(_ name: String, _ shape: [Int], bound: Float = 1, centre: Float = 0) -> Tensor {
  DeterministicFill.tensor("gradient.\(name)", shape, bound: bound, centre: centre)
}

/// Gradients against central differences: no reference, only the operation's own forward pass.
@Suite("Gradients against differences", .serialized, .timeLimit(.minutes(5)))
struct GradientTests {
  @Test("Arithmetic and reshaping")
  func arithmetic() {
    let (a, b) = (tensor("a", [3, 7]), tensor("b", [3, 7]))
    expectGradientsMatch([a, b]) { add(a, scaled(b, by: -2.5)) }
    expectGradientsMatch([a, b]) { multiply(a, b).reshaped(to: [7, 3]) }
    expectGradientsMatch([a, b]) { add(mean(multiply(a, a)), sum(b)) }
  }

  @Test("A parameter is ready once, when nothing more is added to its gradient")
  func readiness() {
    let (a, b, unused) = (tensor("a", [3, 4]), tensor("b", [3, 4]), tensor("unused", [3, 4]))
    for parameter in [a, b, unused] { parameter.requiresGradient = true }
    // `a` is used early and late, `b` early only; the way of `unused` to the loss is cut off.
    let early = multiply(a, b)
    let late = multiply(early, add(a, multiply(unused, early).detached()))
    var (order, seen): ([ObjectIdentifier], [[Float]]) = ([], [])
    sum(late).backward { parameter in
      order.append(ObjectIdentifier(parameter))
      seen.append(parameter.gradient?.values ?? [])
    }
    #expect(Set(order) == [ObjectIdentifier(a), ObjectIdentifier(b)] && order.count == 2)
    for (parameter, values) in zip(order, seen) {
      let final = parameter == ObjectIdentifier(a) ? a.gradient : b.gradient
      #expect(final?.values == values)
    }
    // Alone on its own way, a parameter is ready before the pass goes further back.
    let last = tensor("last", [3, 4])
    last.requiresGradient = true
    order = []
    sum(multiply(last, multiply(a, b))).backward { order.append(ObjectIdentifier($0)) }
    #expect(order.first == ObjectIdentifier(last) && order.count == 3)
    a.backward(tensor("seed", [3, 4])) { order.append(ObjectIdentifier($0)) }
    #expect(order.last == ObjectIdentifier(a))
  }

  @Test("Joining and cutting rows")
  func rowsAndParts() {
    let (a, b) = (tensor("a", [3, 4]), tensor("b", [2, 4]))
    expectGradientsMatch([a, b]) { concatenated([b, a, b]) }
    expectGradientsMatch([a]) { rows(a, 1..<3) }
    expectGradientsMatch([a]) { scaledRows(a, by: [0, 2, -1.5]) }
    let tokens = tensor("tokens", [2, 5, 3])
    expectGradientsMatch([tokens]) { selectedToken(tokens, at: 3) }
    expectGradientsMatch([tokens]) { meanPooled(tokens) }
  }

  @Test("Matrix products large enough to be shared out", arguments: [false, true])
  func products(transposed: Bool) {
    let a = tensor("a", [130, 40])
    let b = tensor("b", transposed ? [70, 40] : [40, 70])
    expectGradientsMatch([a, b], tolerance: 4e-3) { matmul(a, b, transposeB: transposed) }
  }

  @Test("Linear maps")
  func linearMap() {
    let (x, w, b) = (tensor("x", [2, 4, 18]), tensor("w", [5, 18]), tensor("bias", [5]))
    expectGradientsMatch([x, w, b]) { linear(x, weight: w, bias: b) }
  }

  @Test("Normalisations")
  func normalizations() {
    let (x, w, b) = (tensor("x", [5, 19]), tensor("w", [19]), tensor("bias", [19]))
    expectGradientsMatch([x, w, b]) { layerNorm(x, weight: w, bias: b, epsilon: 1e-5) }
    for training in [true, false] {
      expectGradientsMatch([x, w, b]) {
        batchNorm(
          x, weight: w, bias: b, statistics: RunningStatistics(channelCount: 19),
          training: training, epsilon: 1e-5, momentum: 0.1)
      }
    }
    expectGradientsMatch([x]) { l2Normalized(x) }
  }

  @Test("Activations")
  func activations() {
    let x = tensor("x", [4, 21], bound: 3)
    expectGradientsMatch([x]) { gelu(x) }
    expectGradientsMatch([x]) { softmax(x) }
    // Away from the corner, where differences mean something.
    let y = Tensor(x.values.map { abs($0) < 0.1 ? $0 + 0.5 : $0 }, shape: x.shape)
    expectGradientsMatch([y]) { relu(y) }
  }

  @Test("Losses")
  func losses() {
    let x = tensor("x", [5, 9], bound: 2)
    expectGradientsMatch([x]) { crossEntropy(x, targets: [0, 8, 3, 3, 1]) }
    expectGradientsMatch([x]) { crossEntropy(x, targets: [0, 8, 3, 3, 1], labelSmoothing: 0.3) }
    let targets = tensor("targets", [5, 9], bound: 0.5, centre: 0.5)
    expectGradientsMatch([x]) { softCrossEntropy(x, targets: targets) }
  }

  @Test("Patches")
  func patches() {
    let images = tensor("images", [2, 3, 6, 9])
    let (w, b) = (tensor("w", [5, 3, 4, 4]), tensor("bias", [5]))
    expectGradientsMatch([w, b]) { patchEmbedding(images, weight: w, bias: b) }
    let map = tensor("map", [2, 15, 3])
    expectGradientsMatch([map]) { patchMergingGather(map, height: 3, width: 5) }
  }

  @Test("The fused blocks, over shifted windows with padding and over all tokens")
  func blocks() {
    let channels = 6
    let x = tensor("x", [2, 20, channels])
    func weights(table: Int?) -> AttentionWeights {
      AttentionWeights(
        normWeight: tensor("nw", [channels]), normBias: tensor("nb", [channels]), epsilon: 1e-5,
        qkvWeight: tensor("qw", [3 * channels, channels]), qkvBias: tensor("qb", [3 * channels]),
        projectionWeight: tensor("pw", [channels, channels]),
        projectionBias: tensor("pb", [channels]),
        biasTable: table.map { tensor("table", [(2 * $0 - 1) * (2 * $0 - 1), 2]) },
        biasIndex: table.map(WindowGeometry.relativePositionIndex) ?? [], headCount: 2)
    }
    func inputs(_ w: AttentionWeights) -> [Tensor] {
      [x, w.normWeight, w.normBias, w.qkvWeight, w.qkvBias, w.projectionWeight, w.projectionBias]
        + (w.biasTable.map { [$0] } ?? [])
    }
    let windowed = weights(table: 3)
    let geometry = WindowGeometry.windows(height: 4, width: 5, window: 3, shift: 1)
    expectGradientsMatch(inputs(windowed), tolerance: 4e-3) {
      attentionBlock(x, weights: windowed, geometry: geometry, factors: [1.5, 0.5])
    }
    let global = weights(table: nil)
    expectGradientsMatch(inputs(global), tolerance: 4e-3) {
      attentionBlock(x, weights: global, geometry: .global(tokenCount: 20))
    }
    let mlp = MLPWeights(
      normWeight: global.normWeight, normBias: global.normBias, epsilon: 1e-5,
      hiddenWeight: tensor("hw", [24, channels]), hiddenBias: tensor("hb", [24]),
      outputWeight: tensor("ow", [channels, 24]), outputBias: tensor("ob", [channels]))
    expectGradientsMatch(
      [
        x, global.normWeight, global.normBias, mlp.hiddenWeight, mlp.hiddenBias, mlp.outputWeight,
        mlp.outputBias,
      ], tolerance: 4e-3
    ) { mlpBlock(x, weights: mlp, factors: [1.5, 0.5]) }
    let bare = MLPWeights(
      normWeight: nil, normBias: nil, epsilon: 0, hiddenWeight: mlp.hiddenWeight,
      hiddenBias: mlp.hiddenBias, outputWeight: mlp.outputWeight, outputBias: mlp.outputBias)
    let seen = tensor("seen", x.shape)
    expectGradientsMatch(
      [x, seen, mlp.hiddenWeight, mlp.hiddenBias, mlp.outputWeight, mlp.outputBias],
      tolerance: 4e-3
    ) { mlpBlock(x, weights: bare, normalized: seen, factors: [1.5, 0.5]) }
  }
}
