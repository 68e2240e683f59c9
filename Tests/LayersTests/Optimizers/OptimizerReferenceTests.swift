import Layers
import TensorCore
import TestSupport
import Testing

@Suite("Optimisers against PyTorch", .serialized, .timeLimit(.minutes(5)))
struct OptimizerReferenceTests {
  private static let shapes = [("weight", [5, 7]), ("bias", [7])]
  private static let rates: [Float] = [0.1, 0.05, 0.2, 0.1, 0.01]

  /// Five steps from given gradients, at a rate of their own each, compared after every step.
  private func expectTrajectory(
    _ name: String, _ make: ([OptimizedParameter]) -> any Optimizer,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let fixture = try SafetensorsFixture("Layers/training.safetensors")
    let parameters = Self.shapes.map { key, shape in
      OptimizedParameter(
        key: key, tensor: DeterministicFill.tensor("\(name).\(key)", shape),
        weightDecay: key == "weight" ? 0.1 : 0, isAdapted: key == "weight")
    }
    let optimizer = make(parameters)
    for (step, rate) in Self.rates.enumerated() {
      for (key, shape) in Self.shapes {
        parameters.first { $0.key == key }?.tensor.gradient =
          DeterministicFill.tensor("\(name).\(key).gradient\(step)", shape)
      }
      optimizer.learningRate = rate
      optimizer.step()
      #expect(optimizer.stepCount == step + 1)
      for parameter in parameters {
        let all = try fixture.values("\(name)/\(parameter.key)")
        let count = parameter.tensor.elementCount
        expectClose(
          parameter.tensor.values, Array(all[step * count..<(step + 1) * count]), relative: 0,
          absolute: 1e-6, "\(name) \(parameter.key) after step \(step)",
          sourceLocation: sourceLocation)
      }
    }
  }

  @Test("SGD without momentum, with momentum, and in Nesterov's form")
  func sgd() throws {
    try expectTrajectory("sgd") { SGD($0, learningRate: 1, momentum: 0) }
    try expectTrajectory("sgd_momentum") { SGD($0, learningRate: 1, momentum: 0.9) }
    try expectTrajectory("sgd_nesterov") {
      SGD($0, learningRate: 1, momentum: 0.9, isNesterov: true)
    }
  }

  @Test("AdamW")
  func adamW() throws {
    try expectTrajectory("adamw") { AdamW($0, learningRate: 1) }
  }

  @Test("LARS adapts and decays weights, and leaves biases to momentum alone")
  func lars() throws {
    try expectTrajectory("lars") { LARS($0, learningRate: 1) }
  }

  @Test("Clipping scales to the limit, returns the norm before, and leaves small gradients alone")
  func clipping() throws {
    let fixture = try SafetensorsFixture("Layers/training.safetensors")
    let parameters = Self.shapes.map { key, shape in
      OptimizedParameter(key: key, tensor: Tensor(zeros: shape))
    }
    for (parameter, (key, shape)) in paired(parameters, Self.shapes) {
      parameter.tensor.gradient = DeterministicFill.tensor("clip.\(key)", shape)
    }
    let norm = clipGradientNorm(parameters, limit: 1.5)
    expectClose([norm], try fixture.values("clip/norm"), relative: 1e-6, absolute: 0)
    for parameter in parameters {
      let gradient = try #require(parameter.tensor.gradient)
      expectClose(
        gradient.values, try fixture.values("clip/\(parameter.key)"), relative: 1e-6,
        absolute: 1e-8, parameter.key)
    }
    let before = parameters.map { $0.tensor.gradient?.values ?? [] }
    #expect(abs(clipGradientNorm(parameters, limit: 1.6) - 1.5) < 1e-5)
    #expect(parameters.map { $0.tensor.gradient?.values ?? [] } == before)
  }

  @Test("Parameters without a gradient stay as they are")
  func withoutGradient() {
    let makers: [([OptimizedParameter]) -> any Optimizer] = [
      { SGD($0, learningRate: 1) }, { AdamW($0, learningRate: 1) }, { LARS($0, learningRate: 1) },
    ]
    for make in makers {
      let tensor = DeterministicFill.tensor("still", [9])
      let optimizer = make([OptimizedParameter(key: "p", tensor: tensor, weightDecay: 0.5)])
      optimizer.step()
      #expect(tensor.values == DeterministicFill.values("still", count: 9))
    }
  }

  @Test("A run continued from saved state takes the same steps")
  func resume() throws {
    let makers: [([OptimizedParameter]) -> any Optimizer] = [
      { SGD($0, learningRate: 0.1, isNesterov: true) }, { AdamW($0, learningRate: 0.1) },
      { LARS($0, learningRate: 0.1) },
    ]
    for make in makers {
      func step(_ optimizer: any Optimizer, _ index: Int) {
        optimizer.parameters[0].tensor.gradient = DeterministicFill.tensor("resume\(index)", [40])
        optimizer.step()
      }
      func fresh() -> any Optimizer {
        make([
          OptimizedParameter(
            key: "p", tensor: DeterministicFill.tensor("resume", [40]), weightDecay: 0.1)
        ])
      }
      let whole = fresh()
      for index in 0..<3 { step(whole, index) }
      let saved = whole.state.map { (key: $0.key, values: $0.tensor.values) }
      let weights = whole.parameters[0].tensor.values
      let resumed = fresh()
      #expect(resumed.state.map(\.key) == saved.map(\.key))
      for (target, source) in paired(resumed.state, saved) {
        target.tensor.pointer.update(from: source.values, count: source.values.count)
      }
      resumed.parameters[0].tensor.pointer.update(from: weights, count: weights.count)
      resumed.stepCount = whole.stepCount
      for index in 3..<6 {
        step(whole, index)
        step(resumed, index)
      }
      #expect(whole.parameters[0].tensor.values == resumed.parameters[0].tensor.values)
    }
  }
}
