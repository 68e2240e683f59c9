import Foundation
import Testing
import VectorMath

/// The functions against the C library's, in double precision.
@Suite("Elementary functions, sixteen numbers at a time")
struct VectorMathTests {
  /// `count` numbers from -`bound` to `bound`, evenly, sixteen at a time.
  private func lanes(bound: Float, count: Int = 40_000) -> [SIMD16<Float>] {
    stride(from: 0, to: count, by: 16).map { first in
      var lanes = SIMD16<Float>()
      for lane in 0..<16 {
        lanes[lane] = bound * (2 * Float(first + lane) / Float(count - 1) - 1)
      }
      return lanes
    }
  }

  /// The largest error of `function` against `truth`; `scale` says what an error is measured by.
  private func worst(
    _ bound: Float, _ function: (SIMD16<Float>) -> SIMD16<Float>, truth: (Double) -> Double,
    scale: (Double) -> Double = { _ in 1 }
  ) -> Double {
    var worst = 0.0
    for input in lanes(bound: bound) {
      let output = function(input)
      for lane in 0..<16 {
        let expected = truth(Double(input[lane]))
        worst = max(worst, abs(Double(output[lane]) - expected) / scale(expected))
      }
    }
    return worst
  }

  @Test("The exponential has the stated relative error, and its ends")
  func exponentials() {
    let error = worst(87, { exponential($0) }, truth: { exp($0) }, scale: { $0 })
    #expect(error > 0 && error < 0x1p-22, "\(error)")
    #expect(exponential(splat(-1000)) == splat(0))
    #expect(exponential(splat(1000)) == exponential(splat(88)))
    #expect(exponential(splat(0)) == splat(1))
  }

  @Test("The error function has the stated absolute error and stays within one")
  func errorFunctions() {
    let error = worst(6, { errorFunction($0) }, truth: { erf($0) })
    #expect(error > 0 && error < 4e-7, "\(error)")
    #expect(errorFunction(splat(50)) == splat(1) && errorFunction(splat(-50)) == splat(-1))
  }

  @Test("The slope of the linear unit is the difference quotient of its values")
  func slopes() {
    func value(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }
    let error = worst(6, { gaussianErrorLinear($0) }, truth: value, scale: { max(1, abs($0)) })
    #expect(error < 1e-6, "\(error)")
    let slope = worst(
      6, { gaussianErrorLinearDerivative($0) },
      truth: { (value($0 + 1e-5) - value($0 - 1e-5)) / 2e-5 })
    #expect(slope < 2e-6, "\(slope)")
  }

  @Test("A tail is read and written without its neighbours", arguments: 1..<16)
  func tails(count: Int) {
    let numbers = (0..<16).map { Float($0 + 1) }
    numbers.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { Issue.record("no memory"); return }
      let lanes = loadTail(base, count)
      for lane in 0..<count { #expect(lanes[lane] == Float(lane + 1)) }
      var target = [Float](repeating: -1, count: 16)
      target.withUnsafeMutableBufferPointer { storage in
        if let base = storage.baseAddress { storeTail(base, lanes, count) }
      }
      #expect(target.prefix(count).elementsEqual(numbers.prefix(count)))
      #expect(target.dropFirst(count).allSatisfy { $0 == -1 })
    }
  }

  @Test("What is no number stays none")
  func notNumbers() {
    var input = splat(0.5)
    input[3] = .nan
    for function: (SIMD16<Float>) -> SIMD16<Float> in [
      { exponential($0) }, { errorFunction($0) }, { gaussianErrorLinear($0) },
      { gaussianErrorLinearDerivative($0) },
    ] {
      let output = function(input)
      for lane in 0..<16 { #expect(output[lane].isNaN == (lane == 3), "lane \(lane)") }
    }
  }
}
