import Foundation
import Layers
import Testing

@Suite("L-BFGS")
struct LBFGSTests {
  /// Σ 100 (x₂ᵢ − x₂ᵢ₋₁²)² + (1 − x₂ᵢ₋₁)², least at ones.
  private static func rosenbrock(_ x: [Double]) -> (Double, [Double]) {
    var value = 0.0
    var gradient = [Double](repeating: 0, count: x.count)
    for at in stride(from: 0, to: x.count, by: 2) {
      let (a, b) = (x[at], x[at + 1])
      let rest = b - a * a
      value += 100 * rest * rest + (1 - a) * (1 - a)
      gradient[at] += -400 * a * rest - 2 * (1 - a)
      gradient[at + 1] += 200 * rest
    }
    return (value, gradient)
  }

  /// Beale's function, least at (3, 0.5).
  private static func beale(_ x: [Double]) -> (Double, [Double]) {
    var value = 0.0
    var gradient = [0.0, 0.0]
    for (power, target) in [(1.0, 1.5), (2, 2.25), (3, 2.625)] {
      let rest = target - x[0] + x[0] * pow(x[1], power)
      value += rest * rest
      gradient[0] += 2 * rest * (pow(x[1], power) - 1)
      gradient[1] += 2 * rest * x[0] * power * pow(x[1], power - 1)
    }
    return (value, gradient)
  }

  private func find(
    _ start: [Double], _ function: ([Double]) -> (Double, [Double]), tolerance: Double = 1e-9,
    memory: Int = 10
  ) throws -> LBFGS.Minimum {
    var search = LBFGS()
    search.gradientTolerance = tolerance
    search.memory = memory
    return try search.minimum(from: start) { function($0) }
  }

  @Test("Finds the least of Rosenbrock's and Beale's functions")
  func known() throws {
    let valley = try find([-1.2, 1, -1.2, 1, 0, 5], Self.rosenbrock)
    #expect(valley.ending == .flat && valley.iterations < 100)
    for value in valley.x { #expect(abs(value - 1) < 1e-7) }
    let flat = try find([1, 1], Self.beale)
    #expect(abs(flat.x[0] - 3) < 1e-6 && abs(flat.x[1] - 0.5) < 1e-6)
  }

  @Test("A quadratic of condition 1e6 falls to its least, and every step falls")
  func quadratic() throws {
    let scales = (0..<12).map { pow(10, Double($0) / 11 * 6) }
    var values: [Double] = []
    let found = try find(
      scales.map { _ in 1 },
      { x in
        let value = zip(x, scales).reduce(0) { $0 + $1.1 * $1.0 * $1.0 / 2 }
        values.append(value)
        return (value, zip(x, scales).map { $0 * $1 })
      }, tolerance: 1e-5, memory: 20)
    // scipy's takes 163 evaluations with this memory, and 1716 with half of it.
    #expect(found.ending == .flat && found.value < 1e-14 && found.evaluations < 400)
    #expect(found.evaluations == values.count)
  }

  @Test("Starts at the least, stops at its limit, and hands errors on")
  func ends() throws {
    let done = try find([1, 1], Self.rosenbrock)
    #expect(done.iterations == 0 && done.ending == .flat && done.x == [1, 1])
    var search = LBFGS()
    search.iterationLimit = 2
    #expect(try search.minimum(from: [-1.2, 1]) { Self.rosenbrock($0) }.ending == .limit)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try search.minimum(from: [0]) { _ in throw Stop() } }
  }

  @Test("A function with noise in its last digits ends still, near the least")
  func noise() throws {
    var calls = 0
    let found = try find(
      [3, -2],
      { x in
        calls += 1
        let noise = 1e-7 * sin(Double(calls) * 12.9898)
        return (x[0] * x[0] + 3 * x[1] * x[1] + 1 + noise, [2 * x[0], 6 * x[1] + noise])
      }, tolerance: 1e-12)
    #expect(calls < 400)
    #expect(abs(found.x[0]) < 1e-3 && abs(found.x[1]) < 1e-3)
  }
}
