import Foundation
import Layers
import TensorCore
import TestSupport
import Testing
import Threads

@testable import Models

@Suite("Segmentor")
struct SegmentorTests {
  private struct Sampled: Decodable {
    let norm, sum: Double
    let values: [Double]
  }

  private struct Reference: Decodable {
    let decode, auxiliary: Double
    let gradients: [String: Sampled]
    let logits: Sampled
    let classes: [Int]
    let clear, ignored: Int
  }

  private static func reference() throws -> Reference {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/segmentor.json"))
    return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
  }

  private static func small() -> Segmentor {
    var configuration = SegmentorConfiguration(
      backbone: SwinConfiguration(
        embeddingSize: 8, depths: [1, 1, 2, 1], headCounts: [1, 2, 2, 4], windowSize: 4),
      classCount: 5)
    configuration.channels = 16
    configuration.auxiliaryChannels = 8
    configuration.dropoutRate = 0
    let segmentor = Segmentor(configuration, initializer: .blank)
    for (key, tensor) in segmentor.parameters {
      let name = key.hasPrefix("backbone.") ? String(key.dropFirst("backbone.".count)) : key
      let values = DeterministicFill.weight(name, tensor.shape)
      let offset: Float = key.hasSuffix("bn.weight") ? 1 : 0
      for i in 0..<tensor.elementCount { tensor.pointer[i] = values.pointer[i] + offset }
    }
    return segmentor
  }

  private static var labels: [UInt8] {
    DeterministicFill.values("labels", count: 2 * 64 * 64).map { value in
      let label = min(6, Int((value + 1) * 3.2))
      return label >= 5 ? 255 : UInt8(label)
    }
  }

  private func expect(
    _ tensor: Tensor, _ expected: Sampled, relative: Double, _ what: String
  ) {
    let values = tensor.values
    let at = expected.values.indices.map { ($0 * 7919 + 13) % values.count }
    let scale = expected.norm / Double(values.count).squareRoot()
    expectClose(
      at.map { values[$0] }, expected.values, relative: relative, absolute: relative * scale, what)
    let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    expectClose(
      [Float(norm)], [expected.norm], relative: relative, absolute: 1e-7, what + " norm")
  }

  @Test("Losses, gradients and test logits are those of the composition in PyTorch")
  func matchesReference() throws {
    let reference = try Self.reference()
    let segmentor = Self.small()
    #expect(Self.labels.count { $0 == 255 } == reference.ignored)
    let losses = segmentor.losses(
      DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2), labels: Self.labels, seed: 0,
      step: 0)
    expectClose([losses.decode], [reference.decode], relative: 1e-5, absolute: 0, "decode loss")
    expectClose(
      [losses.auxiliary], [reference.auxiliary], relative: 1e-5, absolute: 0, "auxiliary loss")
    losses.total.backward()
    #expect(segmentor.parameters.count == reference.gradients.count)
    let largest = reference.gradients.values.map(\.norm).max() ?? 1
    for (key, tensor) in segmentor.parameters {
      let gradient = try #require(tensor.gradient, "\(key) has no gradient")
      let expected = try #require(reference.gradients[key], "\(key) is not in the reference")
      // Below that a gradient is what rounding leaves of zero.
      if expected.norm > 1e-9 * largest {
        expect(gradient, expected, relative: 2e-3, "gradient of \(key)")
      }
    }
    segmentor.setTraining(false)
    let odd = DeterministicFill.tensor("odd", [1, 3, 52, 76], bound: 2)
    let logits = withoutGradients { segmentor.logits(odd) }
    #expect(logits.shape == [1, 13, 19, 5])
    expect(logits, reference.logits, relative: 1e-3, "logits")
    // Both passes to another size, and averaged.
    let mirrored = Tensor(uninitialized: odd.shape)
    for row in 0..<3 * 52 {
      for x in 0..<76 { mirrored.pointer[row * 76 + x] = odd.pointer[row * 76 + 75 - x] }
    }
    let passes = withoutGradients {
      [
        SegmentationPass(logits: logits, height: 52, width: 76),
        SegmentationPass(
          logits: segmentor.logits(mirrored), height: 52, width: 76, isFlipped: true),
      ]
    }
    let classes = ClassMap.classes(passes, height: 60, width: 70).map(Int.init)
    let agreeing = zip(classes, reference.classes).count { $0 == $1 }
    #expect(agreeing >= reference.clear, "\(agreeing) of \(classes.count)")
  }

  @Test("A class map is two bilinear resizes, on any number of threads")
  func classMap() {
    let logits = DeterministicFill.tensor("logits", [1, 9, 13, 7])
    let once = bilinearResized(logits, height: 35, width: 50)
    let twice = bilinearResized(once, height: 41, width: 33)
    let pass = SegmentationPass(logits: logits, height: 35, width: 50)
    let classes = ClassMap.classes([pass], height: 41, width: 33)
    var differing = 0
    for pixel in 0..<41 * 33 {
      let values = (0..<7).map { twice.pointer[pixel * 7 + $0] }
      let best = values.indices.max { (values[$0], -$0) < (values[$1], -$1) } ?? 0
      // The order of the two weighings differs, so near ties may fall either way.
      if Int(classes[pixel]) != best,
        abs(values[best] - values[Int(classes[pixel])]) > 1e-5
      {
        differing += 1
      }
    }
    #expect(differing == 0)
    let threads = ThreadPool.shared.threadCount
    ThreadPool.shared.threadCount = 1
    #expect(ClassMap.classes([pass], height: 41, width: 33) == classes)
    ThreadPool.shared.threadCount = threads
  }

  @Test("The published size has the published parameters and keys, and a file comes back whole")
  func published() throws {
    let segmentor = Segmentor(.ade20k, initializer: .blank)
    #expect(segmentor.parameterCount == 59_941_862)
    #expect(segmentor.parameters.count == 220)
    let folder = try TemporaryDirectory()
    let small = Self.small()
    try SegmentorFile.write(small, to: folder.file("small.pth"))
    let loaded = try SegmentorFile.load(path: folder.file("small.pth"))
    #expect(loaded.report.isComplete)
    // Dropout is no part of a file.
    var expected = small.configuration
    expected.dropoutRate = loaded.segmentor.configuration.dropoutRate
    #expect(loaded.segmentor.configuration == expected)
    for (a, b) in paired(small.parameters, loaded.segmentor.parameters) {
      #expect(a.key == b.key && a.tensor.values == b.tensor.values)
    }
    try CheckpointWriter.write(
      StateDictionary(small.backbone).entries, to: folder.file("backbone.pth"))
    #expect(throws: CheckpointError.self) {
      try SegmentorFile.load(path: folder.file("backbone.pth"))
    }
  }

  @Test("Multiply-adds are those of the reference's counter and of the paper")
  func multiplyAdds() {
    // Layers and attention in billions.
    for (width, layers, attention) in [
      (512, 236.084, 0.860), (683, 316.000, 1.153), (2048, 941.453, 3.251),
    ] {
      let cost = SegmentorConfiguration.ade20k.multiplyAdds(height: 512, width: width)
      #expect(abs(Double(cost.layers) / 1e9 - layers) < 0.005, "\(cost)")
      #expect(abs(Double(cost.attention) / 1e9 - attention) < 0.005, "\(cost)")
    }
    #expect(SegmentorConfiguration.ade20k.multiplyAdds(height: 512, width: 2048).text == "944.7 G")
  }
}
