import Foundation
import TensorCore
import TestSupport
import Testing
import Threads

@Suite("Matrix products", .serialized, .timeLimit(.minutes(5)))
struct ProductTests {
  /// Rows, columns, depth: tiles, panels and blocks of depth that are whole, begun and missed by
  /// one, and row lengths that push each other out of the cache.
  static let shapes = [
    (1, 1, 1), (14, 32, 8), (15, 33, 7), (13, 31, 9), (49, 49, 32), (49, 32, 49), (28, 64, 384),
    (29, 40, 385), (20, 96, 512), (5, 70, 1024), (100, 300, 770), (1, 2000, 200), (2000, 3, 50),
    (33, 16, 48), (6, 24, 1153),
  ]

  /// The stated order: one fused multiply-add a step, blocks of 384 steps added up.
  private func ordered(_ a: Tensor, _ b: Tensor) -> [Float] {
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
    let (left, right) = (a.values, b.values)
    var result = [Float](repeating: 0, count: m * n)
    for row in 0..<m {
      for start in stride(from: 0, to: k, by: 384) {
        var sums = [Float](repeating: 0, count: n)
        for step in start..<min(k, start + 384) {
          let factor = left[row * k + step]
          for column in 0..<n {
            sums[column] = sums[column].addingProduct(factor, right[step * n + column])
          }
        }
        for column in 0..<n {
          let at = row * n + column
          result[at] = start == 0 ? sums[column] : result[at] + sums[column]
        }
      }
    }
    return result
  }

  private func transposedCopy(_ x: Tensor) -> Tensor { transposed(x).detached() }

  @Test("Every layout, instruction set and number of threads gives the stated bits")
  func bits() {
    let threads = ThreadPool.shared.threadCount
    defer {
      Instructions.use(.avx512)
      ThreadPool.shared.threadCount = threads
    }
    for (m, n, k) in Self.shapes {
      let a = DeterministicFill.tensor("product.left", [m, k])
      let b = DeterministicFill.tensor("product.right", [k, n])
      let expected = ordered(a, b)
      let weight = transposedCopy(b)
      for instructions in Instructions.allCases where instructions <= .best {
        Instructions.use(instructions)
        for count in [1, threads] {
          ThreadPool.shared.threadCount = count
          let name = "\(m)x\(n)x\(k), \(Instructions.current), \(count) threads"
          #expect(matmul(a, b).values == expected, "a·b of \(name)")
          #expect(matmul(a, weight, transposeB: true).values == expected, "a·bᵀ of \(name)")
          #expect(linear(a, weight: weight, bias: nil).values == expected, "linear of \(name)")
          // The gradient of a weight is dyᵀ x.
          let x = b.copied()
          let parameter = Tensor(zeros: [m, n])
          parameter.requiresGradient = true
          linear(x, weight: parameter, bias: nil).backward(transposedCopy(a))
          #expect(parameter.gradient?.values == expected, "aᵀ·b of \(name)")
        }
      }
    }
  }

  @Test("OpenBLAS, where it is installed, agrees")
  func openBLAS() throws {
    try #require(BLAS.loadingError == nil, "OpenBLAS could not be loaded")
    for (m, n, k) in Self.shapes {
      let a = DeterministicFill.tensor("twin.left", [m, k])
      let b = DeterministicFill.tensor("twin.right", [k, n])
      let c = Tensor(zeros: [m, n])
      BLAS.parallelGemm(
        m: m, n: n, k: k, a: a.pointer, lda: k, b: b.pointer, ldb: n, c: c.pointer, ldc: n)
      expectClose(
        matmul(a, b).values, c.values.map(Double.init), relative: 0,
        absolute: 3e-6 * Double(k).squareRoot(), "\(m)x\(n)x\(k)")
    }
  }

  @Test("Not-a-number and infinity come through, in the last columns too")
  func specials() {
    let a = Tensor([1, .nan, 0, .infinity], shape: [2, 2])
    let b = Tensor([Float](repeating: 1, count: 2 * 35), shape: [2, 35])
    let out = matmul(a, b).values
    #expect(out.prefix(35).allSatisfy { $0.isNaN } && out.suffix(35).allSatisfy { $0 == .infinity })
  }

  @Test("A weight that changed is laid out anew, whoever changed it")
  func keptLayouts() {
    let x = DeterministicFill.tensor("kept.x", [3, 40])
    let weight = DeterministicFill.tensor("kept.weight", [33, 40])
    func expectFresh(_ what: Comment) {
      let expected = linear(x, weight: weight.copied(), bias: nil).values
      for _ in 0..<6 {
        #expect(
          withoutGradients { linear(x, weight: weight, bias: nil) }.values == expected, what)
      }
    }
    expectFresh("as made")
    weight.assign(DeterministicFill.values("kept.other", count: 33 * 40, bound: 1))
    expectFresh("assigned values")
    weight.assign(DeterministicFill.tensor("kept.third", [33, 40]))
    expectFresh("assigned tensor")
    weight.withMutableValues { $0[7] = 3 }
    expectFresh("written in place")
    moveAverage(weight, towards: DeterministicFill.tensor("kept.x2", [33, 40]), momentum: 0.5)
    expectFresh("moved")
    scaleInPlace(weight, by: 0.5)
    expectFresh("scaled")
    writeRows(DeterministicFill.tensor("kept.rows", [2, 40]), into: weight, from: 30)
    expectFresh("rows written")
    // The same numbers under another shape are another matrix.
    let wide = weight.detached().reshaped(to: [40, 33])
    let y = DeterministicFill.tensor("kept.y", [2, 33])
    #expect(
      withoutGradients { linear(y, weight: wide, bias: nil) }.values
        == linear(y, weight: wide.copied(), bias: nil).values)
    expectFresh("after another view")
  }
}
