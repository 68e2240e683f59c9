import CounterRandom
import Foundation
import TensorCore
import TestSupport
import Testing

/// What products of bfloat16 give; each test asks in a process of its own, since the choice is the
/// whole process's and other tests run beside it.
@Suite(
  "Products of bfloat16", .timeLimit(.minutes(5)),
  .enabled(
    if: Precision.problem(with: .bf16) == nil, "skipped: this processor has no use for bfloat16"))
struct PrecisionTests {
  private static func goOnInBF16() {
    // Beside other tests a measurement of speed may go wrong, which refuses it.
    var reason = Precision.use(.bf16)
    for _ in 0..<1000 where reason != nil { reason = Precision.use(.bf16) }
    #expect(reason == nil)
  }

  /// The nearest bfloat16, ties to even.
  private static func rounded(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) & 0xffff_0000)
  }

  @Test("Operands are rounded, sums are not")
  func products() async {
    await #expect(processExitsWith: .success) {
      Self.goOnInBF16()
      for (m, n, k) in ProductTests.shapes { Self.expectRoundedOperands(m, n, k) }
    }
  }

  private static func expectRoundedOperands(_ m: Int, _ n: Int, _ k: Int) {
    let a = DeterministicFill.tensor("bf16.left", [m, k])
    let b = DeterministicFill.tensor("bf16.right", [k, n])
    let (left, right) = (a.values.map { Double(rounded($0)) }, b.values.map { Double(rounded($0)) })
    var expected = [Double](repeating: 0, count: m * n)
    for row in 0..<m {
      for step in 0..<k {
        for column in 0..<n {
          expected[row * n + column] += left[row * k + step] * right[step * n + column]
        }
      }
    }
    let weight = transposed(b).detached()
    let parameter = Tensor(zeros: [m, n])
    parameter.requiresGradient = true
    linear(b, weight: parameter, bias: nil).backward(transposed(a).detached())
    let results = [
      matmul(a, b).values, matmul(a, weight, transposeB: true).values,
      linear(a, weight: weight, bias: nil).values, parameter.gradient?.values ?? [],
    ]
    for (result, name) in zip(results, ["a·b", "a·bᵀ", "linear", "aᵀ·b"]) {
      expectClose(
        result, expected, relative: 0, absolute: 3e-6 * Double(k).squareRoot(),
        "\(name) of \(m)x\(n)x\(k)")
    }
  }

  @Test("A block's output and gradients are those of single precision but for rounding")
  func blocks() async {
    await #expect(processExitsWith: .success) {
      let exact = try Self.block()
      Self.goOnInBF16()
      for (index, (a, b)) in zip(exact, try Self.block()).enumerated() {
        let norm = a.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let difference = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
          .squareRoot()
        // Eight bits of mantissa a product: 2⁻⁹, a few of them in a row.
        #expect(difference < 0.01 * norm, "number \(index)")
        // The last bias's gradient is a sum of what came in: no product is in it.
        #expect((difference > 0) == (index < 7), "number \(index) and single precision")
      }
    }
  }

  /// The output of an MLP, and the gradients of all that goes in.
  private static func block() throws -> [[Float]] {
    let shapes = [[64], [64], [256, 64], [256], [64, 256], [64]]
    let x = DeterministicFill.tensor("bf16.x", [2, 50, 64])
    let parts = shapes.enumerated().map { DeterministicFill.tensor("bf16.\($0)", $1, bound: 0.3) }
    for tensor in [x] + parts { tensor.requiresGradient = true }
    let out = mlpBlock(
      x,
      weights: MLPWeights(
        normWeight: parts[0], normBias: parts[1], epsilon: 1e-5, hiddenWeight: parts[2],
        hiddenBias: parts[3], outputWeight: parts[4], outputBias: parts[5]))
    out.backward(DeterministicFill.tensor("bf16.seed", out.shape))
    return try [out.values] + ([x] + parts).map { try #require($0.gradient).values }
  }

  @Test("Rows that are rounded where they lie give the bits of rows that are rounded apart")
  func fusedRows() async {
    await #expect(processExitsWith: .success) {
      Self.goOnInBF16()
      // Two blocks of depth in the second product, and an odd rest.
      let (channels, hidden) = (64, 801)
      let x = DeterministicFill.tensor("bf16.x", [1, 37, channels])
      let shapes = [[channels], [channels], [hidden, channels], [hidden], [channels, hidden]]
      let parts = (shapes + [[channels]]).enumerated().map {
        DeterministicFill.tensor("bf16.\($0)", $1, bound: 0.3)
      }
      let fused = mlpBlock(
        x,
        weights: MLPWeights(
          normWeight: parts[0], normBias: parts[1], epsilon: 1e-5, hiddenWeight: parts[2],
          hiddenBias: parts[3], outputWeight: parts[4], outputBias: parts[5]))
      let normalized = layerNorm(x, weight: parts[0], bias: parts[1], epsilon: 1e-5)
      let activated = gelu(linear(normalized, weight: parts[2], bias: parts[3]))
      let branch = linear(activated, weight: parts[4], bias: parts[5])
      #expect(fused.values == add(x, branch).values)
    }
  }

  @Test("Attention is that of single precision but for rounding", arguments: [17, 50])
  func attention(tokens: Int) async {
    await #expect(processExitsWith: .success) { [tokens] in
      let exact = Self.attention(tokens)
      Self.goOnInBF16()
      let halved = Self.attention(tokens)
      let norm = exact.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      let difference = zip(exact, halved).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        .squareRoot()
      #expect(difference > 0 && difference < 0.01 * norm, "\(difference) of \(norm)")
    }
  }

  /// What attention over all tokens adds to them.
  private static func attention(_ tokens: Int) -> [Float] {
    let channels = 64
    let shapes = [
      [channels], [channels], [3 * channels, channels], [3 * channels], [channels, channels],
      [channels],
    ]
    let x = DeterministicFill.tensor("bf16.x", [2, tokens, channels])
    let parts = shapes.enumerated().map { DeterministicFill.tensor("bf16.\($0)", $1, bound: 0.3) }
    let out = attentionBlock(
      x,
      weights: AttentionWeights(
        normWeight: parts[0], normBias: parts[1], epsilon: 1e-5, qkvWeight: parts[2],
        qkvBias: parts[3], projectionWeight: parts[4], projectionBias: parts[5], biasTable: nil,
        biasIndex: [], headCount: 2),
      geometry: .global(tokenCount: tokens))
    return zip(out.values, x.values).map { $0 - $1 }
  }

  @Test("Similarities and losses stay in single precision")
  func similarities() async {
    await #expect(processExitsWith: .success) {
      let a = DeterministicFill.tensor("bf16.a", [7, 64])
      let b = DeterministicFill.tensor("bf16.b", [33, 64])
      let exact = rowProducts(a, 0..<7, with: b).values
      Self.goOnInBF16()
      #expect(rowProducts(a, 0..<7, with: b).values == exact)
    }
  }
}
