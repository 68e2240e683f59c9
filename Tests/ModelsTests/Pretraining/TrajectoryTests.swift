import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Five optimiser steps of every method against `Tests/References/trajectories.py`.
@Suite("Pretraining trajectories")
struct TrajectoryTests {
  private struct Numbers: Decodable {
    let batch, hidden, output, epochs: Int
    let stepsPerEpoch: Int
    let peak: Double
    let warmupStart, minimum, weightDecay, finalWeightDecay, temperature: Double?
    let baseMomentum: Double?
    let queue, prototypes, localCrops: Int?
  }

  private struct Step: Decodable {
    let loss, learningRate, weightDecay, gradientNorm: Double
    let momentum, teacherTemperature: Double?
    let norms: [String: Double]?
    let sensitive, extra: [String: Double]
  }

  private struct Trajectory: Decodable {
    let numbers: Numbers
    let zeroGradient: [String]
    let steps: [Step]
  }

  private struct File: Decodable { let methods: [String: Trajectory] }

  private static func trajectory(_ name: String) throws -> Trajectory {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/trajectories.json"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let file = try decoder.decode(File.self, from: Data(contentsOf: url))
    return try #require(file.methods[name])
  }

  /// The published recipe with the reference's small numbers.
  private static func recipe(
    _ method: MethodDescription, _ numbers: Numbers
  ) -> PretrainingRecipe {
    var recipe = method.recipe(for: .swin(.tiny))
    recipe.batchSize = numbers.batch
    recipe.epochs = numbers.epochs
    recipe.warmupEpochs = method == .mocoV2 ? 0 : 1
    recipe.baseLearningRate = numbers.peak / recipe.rateScale
    recipe.scalesMinimum = false
    recipe.warmupStart = numbers.warmupStart ?? 0
    recipe.minimumRate = numbers.minimum ?? 0
    recipe.weightDecay = numbers.weightDecay ?? 0
    recipe.dropPathRate = 0
    let sizes: [String: Int?] = [
      "hidden-size": numbers.hidden, "output-size": numbers.output, "queue-size": numbers.queue,
      "prototypes": numbers.prototypes, "local-views": numbers.localCrops,
    ]
    for option in method.options {
      if let size = sizes[option.name] ?? nil { option.set(Double(size), in: &recipe) }
    }
    if method == .dino || method == .dinoMultiCrop {
      recipe.clipping = .perTensor
      recipe.clipNorm = 0.5
      recipe.change(DINO.Settings.self) {
        ($0.finalTeacherTemperature, $0.teacherWarmupEpochs) = (0.07, 3)
      }
    }
    return recipe
  }

  private static func fill(_ method: any PretrainingMethod) {
    let shapes = Dictionary(
      method.parameters.map { ($0.key, $0.tensor.shape) }, uniquingKeysWith: { a, _ in a })
    for (key, tensor) in method.parameters {
      // Targets start as copies of the online networks.
      let online = key.replacingOccurrences(of: "_k.", with: ".")
      if online.hasPrefix("encoder.") {
        let values = DeterministicFill.weight(
          String(online.dropFirst("encoder.".count)), tensor.shape)
        tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
        continue
      }
      let weight =
        online.hasSuffix(".bias") ? String(online.dropLast("bias".count)) + "weight" : online
      guard let shape = shapes[weight], shape.count == 2, !online.hasSuffix("weight_g") else {
        continue
      }
      let bound = Float(1 / Double(shape[1]).squareRoot())
      let values = DeterministicFill.tensor(online, tensor.shape, bound: bound)
      tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
    }
    method.restoreMemory { key in
      if key == "queue_ptr" { return [0] }
      guard key.hasPrefix("queue"),
        let shape = method.buffers.first(where: { $0.key == key })?.tensor.shape
      else { return nil }
      let (length, size) = (shape[0], shape[1])
      let rows = l2Normalized(DeterministicFill.tensor(key, [size, length]))
      return (0..<length * size).map { rows.pointer[$0 % size * length + $0 / size] }
    }
  }

  private static func batch(
    _ method: MethodDescription, _ numbers: Numbers, step: Int
  ) -> PretrainingBatch {
    func view(_ name: String, _ size: Int) -> Tensor {
      DeterministicFill.tensor("\(name).step\(step)", [numbers.batch, 3, size, size], bound: 2)
    }
    if method == .supervised {
      let targets = softmax(
        DeterministicFill.tensor("targets.step\(step)", [numbers.batch, 5], bound: 2))
      return PretrainingBatch(views: [view("view1", 32)], targets: targets)
    }
    let locals = (0..<(numbers.localCrops ?? 0)).map { view("local\($0 + 1)", 16) }
    return PretrainingBatch(views: [view("view1", 32), view("view2", 32)] + locals)
  }

  private struct Moments {
    var squares = 0.0
    var sum = 0.0
    mutating func add(_ values: some Sequence<Float>) {
      for value in values {
        squares += Double(value) * Double(value)
        sum += Double(value)
      }
    }
    var norm: Double { squares.squareRoot() }
  }

  /// Norm and sum of the parameters, without those whose gradient is zero but for rounding.
  private static func moments(
    _ method: any PretrainingMethod, insensitive: Set<String>
  ) -> (tensors: [String: Moments], groups: [String: Moments]) {
    var tensors: [String: Moments] = [:]
    var groups: [String: Moments] = [:]
    for (key, tensor) in method.parameters {
      let online = key.replacingOccurrences(of: "_k.", with: ".")
      guard !insensitive.contains(online) else { continue }
      var values = tensor.values
      var name = key
      if insensitive.contains(online + ".key") {
        let third = values.count / 3
        values.removeSubrange(third..<2 * third)
        name += ".query_value"
      }
      tensors[name, default: Moments()].add(values)
      groups[String(key.prefix { $0 != "." }), default: Moments()].add(values)
    }
    return (tensors, groups)
  }

  @Test(
    "Losses, schedules and weights follow the reference for five steps",
    arguments: [
      ("moby", MethodDescription.moby), ("mocov2", .mocoV2), ("byol", .byol),
      ("mocov3", .mocoV3), ("dino", .dino), ("dino_multicrop", .dinoMultiCrop),
      ("supervised", .supervised),
    ])
  func follows(name: String, method: MethodDescription) throws {
    let trajectory = try Self.trajectory(name)
    let numbers = trajectory.numbers
    let engine = PretrainingEngine(
      Self.recipe(method, numbers),
      architecture: .swin(
        SwinConfiguration(embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4)),
      inputSize: 32, classCount: 5, stepsPerEpoch: numbers.stepsPerEpoch, seed: 1)
    Self.fill(engine.method)
    let insensitive = Set(trajectory.zeroGradient)
    var compared = 0
    for (step, expected) in trajectory.steps.enumerated() {
      let outcome = try engine.step(
        Self.batch(method, numbers, step: step), step: step,
        epoch: step / numbers.stepsPerEpoch)
      let what = "\(name) step \(step)"
      expectClose([outcome.loss], [expected.loss], relative: 1e-4, absolute: 0, what + " loss")
      expectClose(
        [outcome.gradientNorm], [expected.gradientNorm], relative: 1e-3, absolute: 0,
        what + " gradient norm")
      #expect(abs(outcome.learningRate - expected.learningRate) < 1e-8, "\(what) learning rate")
      #expect(abs(outcome.weightDecay - expected.weightDecay) < 1e-8, "\(what) weight decay")
      if let momentum = expected.momentum {
        #expect(abs(outcome.momentum - momentum) < 1e-8, "\(what) momentum")
      }
      if let temperature = expected.teacherTemperature, let dino = engine.method as? DINO {
        let ours = dino.teacherTemperature(epoch: step / numbers.stepsPerEpoch)
        #expect(abs(ours - temperature) < 1e-8)
      }
      let (tensors, groups) = Self.moments(engine.method, insensitive: insensitive)
      for (group, moments) in groups {
        let norm = try #require(expected.sensitive[group], "\(group)")
        let sum = try #require(expected.sensitive[group + ".sum"], "\(group)")
        #expect(abs(moments.norm - norm) < 1e-4 * norm, "\(what) \(group)")
        #expect(abs(moments.sum - sum) < 1e-3, "\(what) sum of \(group)")
        compared += 1
      }
      for (key, norm) in expected.norms ?? [:] {
        guard let moments = tensors[key] else { continue }
        #expect(abs(moments.norm - norm) < 1e-4 * norm + 1e-6, "\(what) \(key)")
        compared += 1
      }
      compareMemory(engine.method, expected.extra, what)
    }
    #expect(compared > 100)
  }

  /// Queues, centre and running variances; running means drift with insensitive biases.
  private func compareMemory(
    _ method: any PretrainingMethod, _ extra: [String: Double], _ what: String
  ) {
    for (key, tensor) in method.buffers {
      if key == "queue_ptr" {
        #expect(Double(tensor.item) == extra[key], "\(what) \(key)")
        continue
      }
      guard key.hasPrefix("queue") || key == "center" || key.hasSuffix("running_var") else {
        continue
      }
      var moments = Moments()
      moments.add(tensor.values)
      for (suffix, value) in [(".norm", moments.norm), (".sum", moments.sum)] {
        guard let expected = extra[key + suffix] else { continue }
        #expect(
          abs(value - expected) < 1e-4 * abs(expected) + 2e-3, "\(what) \(key)\(suffix)")
      }
      if key.hasPrefix("queue"), let expected = extra[key + ".row_weighted_sum"] {
        // Stored transposed: a column is a key.
        let size = tensor.shape[1]
        let weighted = tensor.values.enumerated().reduce(0.0) {
          $0 + Double($1.element) * Double($1.offset % size + 1)
        }
        #expect(abs(weighted - expected) < 0.05, "\(what) order of \(key)")
      }
    }
  }
}
