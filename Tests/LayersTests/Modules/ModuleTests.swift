import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

/// A module of modules, as networks are built.
private final class Pair: Module {
  let first: Linear
  let norm: BatchNorm

  init(seed: UInt64) {
    let initializer = Initializer(seed: seed)
    first = Linear(truncatedNormal: 6, 4, key: "first.", initializer)
    norm = BatchNorm(4)
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    first.visitParameters(prefix + "first.", visit)
    norm.visitParameters(prefix + "norm.", visit)
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm.visitBuffers(prefix + "norm.", visit)
  }
}

@Suite("Modules and initialisation", .serialized)
struct ModuleTests {
  @Test("Keys are joined with dots, parameters before buffers")
  func keys() {
    let module = Pair(seed: 1)
    let expected = [
      "first.weight", "first.bias", "norm.weight", "norm.bias", "norm.running_mean",
      "norm.running_var", "norm.num_batches_tracked",
    ]
    #expect(StateDictionary(module).keys == expected)
    #expect(module.parameterCount == 6 * 4 + 4 + 4 + 4)
    #expect(module.parameters.allSatisfy { $0.tensor.requiresGradient })
    #expect(module.buffers.allSatisfy { !$0.tensor.requiresGradient })
    #expect(BatchNorm(3, isAffine: false).parameters.isEmpty)
    #expect(
      Linear(uniform: 3, 2, usesBias: false, key: "", Initializer(seed: 1)).parameters.map(\.key)
        == ["weight"])
  }

  @Test("Copying takes parameters and buffers, and leaves no shared memory")
  func copying() {
    let (source, target) = (Pair(seed: 1), Pair(seed: 2))
    source.norm.statistics.mean.pointer[2] = 5
    target.copyParameters(from: source)
    func values(_ module: Pair) -> [[Float]] { StateDictionary(module).entries.map(\.values) }
    #expect(values(source) == values(target))
    source.first.weight.pointer[0] += 1
    #expect(values(source) != values(target))
  }

  @Test("Layers apply their operations with their own weights")
  func layers() {
    let x = DeterministicFill.tensor("layers.x", [5, 6])
    let map = Linear(uniform: 6, 4, key: "map.", Initializer(seed: 3))
    #expect(map(x).values == linear(x, weight: map.weight, bias: map.bias).values)
    let norm = LayerNorm(6, epsilon: 1e-6)
    #expect(
      norm(x).values
        == layerNorm(x, weight: norm.weight, bias: norm.bias, epsilon: 1e-6).values)
    let batch = BatchNorm(6)
    _ = batch(x)
    #expect(batch.statistics.batchCount == 1)
    let moved = batch.statistics.mean.values
    batch.isTraining = false
    let evaluated = batch(x)
    #expect(batch.statistics.mean.values == moved)
    batch.isTraining = true
    #expect(batch(x).values != evaluated.values)
  }

  @Test("Gradients can be turned off and forgotten")
  func gradients() {
    let module = Pair(seed: 1)
    let x = DeterministicFill.tensor("module.x", [3, 6])
    sum(module.norm(module.first(x))).backward()
    #expect(module.parameters.allSatisfy { $0.tensor.gradient != nil })
    module.clearGradients()
    #expect(module.parameters.allSatisfy { $0.tensor.gradient == nil })
    module.setRequiresGradient(false)
    sum(module.norm(module.first(x))).backward()
    #expect(module.parameters.allSatisfy { $0.tensor.gradient == nil })
  }

  @Test("Initial values have the published spread and depend on seed and key alone")
  func initializers() {
    let initializer = Initializer(seed: 4)
    let count = 40_000
    func spread(_ x: Tensor) -> (mean: Double, deviation: Double) {
      let mean = x.values.reduce(0) { $0 + Double($1) } / Double(count)
      let squares = x.values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      return (mean, (squares / Double(count)).squareRoot())
    }
    // Four standard errors: σ/√n for the mean, σ/√(2n) for the deviation.
    let normal = spread(initializer.truncatedNormal([count], key: "a"))
    #expect(abs(normal.mean) < 0.0004)
    #expect(abs(normal.deviation - 0.02) < 0.0003)
    let uniform = initializer.uniformFan([count], key: "a", fanIn: 48)
    let bound = 1 / Float(48).squareRoot()
    #expect(uniform.values.allSatisfy { abs($0) <= bound })
    #expect(abs(spread(uniform).deviation - 1 / 12) < 0.001)
    #expect((uniform.values.max() ?? 0) > 0.99 * bound)
    let plain = spread(initializer.normal([count], key: "a", deviation: 3))
    #expect(abs(plain.deviation - 3) < 0.045)
    func values(_ seed: UInt64, _ key: String) -> [Float] {
      Initializer(seed: seed).truncatedNormal([8], key: key).values
    }
    #expect(values(4, "a") == values(4, "a"))
    #expect(values(4, "a") != values(4, "b"))
    #expect(values(4, "a") != values(5, "a"))
    #expect(Initializer.blank.truncatedNormal([8], key: "a").values.allSatisfy { $0 == 0 })
  }
}
