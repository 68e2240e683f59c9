import CounterRandom
import Foundation
import TensorCore
import TestSupport
import Testing

@Suite("Accuracy of the elementary functions and products", .serialized, .timeLimit(.minutes(5)))
struct ElementaryTests {
  @Test("GELU and its slope hold the stated accuracy over the whole range")
  func geluRange() throws {
    let values = (-4000...4000).map { Float($0) * 0.003 } + [-100, -30, 30, 100, 0, -0]
    let x = Tensor(values, shape: [values.count])
    x.requiresGradient = true
    let out = gelu(x)
    out.backward(Tensor(repeating: 1, shape: x.shape))
    let (results, slopes) = (out.values, try #require(x.gradient).values)
    func cumulative(_ v: Double) -> Double { 0.5 * erfc(-v / 2.0.squareRoot()) }
    func density(_ v: Double) -> Double { exp(-v * v / 2) / (2 * Double.pi).squareRoot() }
    for (index, value) in values.enumerated() {
      let v = Double(value)
      // The error function is good to 4·10⁻⁷, so Φ is to half of that, and x·Φ to |x| times it.
      let error = abs(Double(results[index]) - v * cumulative(v))
      #expect(error <= 2e-7 * abs(v), "gelu(\(v)) is off by \(error)")
      let slope = cumulative(v) + v * density(v)
      let slopeError = abs(Double(slopes[index]) - slope)
      #expect(slopeError <= 6e-7, "the slope at \(v) is off by \(slopeError)")
    }
  }

  @Test("Softmax is right for huge, tiny and equal scores", arguments: [1, 15, 16, 17, 33, 64])
  func softmaxRange(count: Int) {
    for bound: Float in [1e-3, 1, 40, 1e4] {
      let row = DeterministicFill.values("softmax\(count)", count: count, bound: bound)
      let top = row.max() ?? 0
      let weights = row.map { exp(Double($0) - Double(top)) }
      let total = weights.reduce(0, +)
      let out = softmax(Tensor(row, shape: [1, count])).values
      // Scores as far apart as 2·bound lose half a unit in the last place when subtracted.
      let relative = 1e-6 + Double(bound) * 0x1p-23
      expectClose(
        out, weights.map { $0 / total }, relative: relative, absolute: 1e-30, "bound \(bound)")
    }
    let equal = softmax(Tensor(repeating: 88_000, shape: [1, count])).values
    #expect(equal.allSatisfy { abs($0 * Float(count) - 1) < 1e-6 })
  }

  @Test(
    "Matrix products equal sums in double precision",
    arguments: [(1, 1, 1), (3, 5, 2), (130, 17, 19), (65, 300, 64), (1, 2000, 200), (2000, 3, 50)])
  func products(m: Int, n: Int, k: Int) {
    let a = DeterministicFill.tensor("product.a", [m, k])
    let b = DeterministicFill.tensor("product.b", [k, n])
    let flipped = Tensor(uninitialized: [n, k])
    for i in 0..<k { for j in 0..<n { flipped.pointer[j * k + i] = b.pointer[i * n + j] } }
    var expected = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for at in 0..<k {
        let factor = Double(a.pointer[i * k + at])
        for j in 0..<n { expected[i * n + j] += factor * Double(b.pointer[at * n + j]) }
      }
    }
    let bound = 1e-6 * Double(k).squareRoot()
    expectClose(matmul(a, b).values, expected, relative: 0, absolute: bound, "a·b")
    expectClose(
      matmul(a, flipped, transposeB: true).values, expected, relative: 0, absolute: bound, "a·bᵀ")
  }

  @Test("Sums of many numbers stay accurate")
  func sums() {
    let x = DeterministicFill.tensor("sums", [300_000], centre: 0.5)
    let exact = x.values.reduce(0.0) { $0 + Double($1) }
    let squares = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(Double(sum(x).item) - exact) < 1e-5 * exact)
    #expect(abs(Double(mean(x).item) - exact / 300_000) < 1e-5)
    #expect(abs(Double(sumOfSquares(x)) - squares) < 1e-5 * squares)
  }
}

@Suite("Dropping and updates in place", .serialized)
struct DroppingTests {
  private func stream(_ sample: Int) -> RandomStream {
    RandomStream(seed: 5, purpose: .test, sample: sample)
  }

  @Test("Drop path keeps or drops whole images and is right on average")
  func dropPath() throws {
    var draws = stream(1)
    #expect(dropPathFactors(batchSize: 4, rate: 0, stream: &draws) == nil)
    let factors = try #require(dropPathFactors(batchSize: 20_000, rate: 0.2, stream: &draws))
    #expect(Set(factors) == [0, 1 / (1 - 0.2)])
    // The mean of 20 000 draws has a deviation of 0.5 / √20 000 = 0.0035.
    let mean = factors.reduce(0, +) / 20_000
    #expect(abs(mean - 1) < 0.015)
    var again = stream(1)
    #expect(dropPathFactors(batchSize: 20_000, rate: 0.2, stream: &again) == factors)
    let x = DeterministicFill.tensor("drop", [3, 2, 2])
    #expect(scaledRows(x, by: [0, 1, 2]).values == (0..<12).map { x.values[$0] * Float($0 / 4) })
  }

  @Test("Dropout zeroes its share, scales the rest and passes gradients alike")
  func dropout() throws {
    var draws = stream(2)
    let x = Tensor(repeating: 1, shape: [20_000])
    x.requiresGradient = true
    let out = TensorCore.dropout(x, rate: 0.25, stream: &draws)
    #expect(Set(out.values) == [0, 1 / (1 - 0.25)])
    let share = Float(out.values.count { $0 == 0 }) / 20_000
    #expect(abs(share - 0.25) < 0.015)
    out.backward(Tensor(repeating: 1, shape: x.shape))
    #expect(try #require(x.gradient).values == out.values)
    #expect(TensorCore.dropout(x, rate: 0, stream: &draws) === x)
  }

  @Test("Moving averages and scaling in place")
  func inPlace() {
    let target = DeterministicFill.tensor("target", [40_000])
    let same = target.copied()
    moveAverage(target, towards: same, momentum: 0.99)
    #expect(target.values == same.values)
    let source = DeterministicFill.tensor("source", [40_000])
    // Near 1 the share of the source keeps its digits: 1 − m is formed before it is rounded.
    for share in [1e-6, 1e-8, 1e-12] {
      let (still, moving) = (Tensor(zeros: [1]), Tensor(repeating: 1, shape: [1]))
      moveAverage(still, towards: moving, momentum: 1 - share)
      #expect(abs(Double(still.item) / (1 - (1 - share)) - 1) < 1e-6)
    }
    moveAverage(target, towards: source, momentum: 0.9)
    let expected = zip(same.values, source.values).map { 0.9 * Double($0) + 0.1 * Double($1) }
    expectClose(target.values, expected, relative: 0, absolute: 2e-7)
    scaleInPlace(target, by: -2)
    expectClose(target.values, expected.map { -2 * $0 }, relative: 0, absolute: 4e-7)
  }

  @Test("Blocks cover every index once")
  func blocks() {
    for count in [0, 1, 16_384, 16_385, 100_000] {
      let marks = Tensor(zeros: [count])
      forEachBlock(count) { range in for i in range { marks.pointer[i] += 1 } }
      #expect(marks.values.allSatisfy { $0 == 1 })
    }
  }
}
