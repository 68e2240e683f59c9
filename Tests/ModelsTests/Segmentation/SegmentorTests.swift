import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Segmentor")
struct SegmentorTests {
  @Test("A segmentor is scored by its running statistics, whatever it did before")
  func modes() {
    let segmentor = Segmentor(.miniature(classCount: 3), initializer: Initializer(seed: 5))
    let image = DeterministicFill.tensor("mode", [1, 3, 64, 64])
    // A new network: one image would be one row to the batch statistics of its smallest pool.
    let fresh = withoutGradients { segmentor.logits(image) }.values
    let batch = DeterministicFill.tensor("batch", [2, 3, 64, 64])
    let labels = (0..<2 * 64 * 64).map { UInt8($0 % 3) }
    _ = segmentor.losses(batch, labels: labels, seed: 0, step: 0)
    let trained = withoutGradients { segmentor.logits(image) }.values
    #expect(trained != fresh, "training moves the statistics")
    segmentor.setTraining(false)
    #expect(withoutGradients { segmentor.logits(image) }.values == trained)
  }

  private struct Sampled: Decodable {
    let norm, sum: Double
    let values: [Double]
  }

  private struct Map: Decodable {
    let classes: [Int]
    let clear: Int
  }

  /// What `Tests/References/mmsegmentation.py` writes.
  private struct Reference: Decodable {
    let decode, auxiliary: Double
    let gradients, logits: [String: Sampled]
    let maps: [String: Map]
    let ignored: Int
  }

  private static func reference() throws -> Reference {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/segmentor.json"))
    return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
  }

  private static func small() -> Segmentor {
    var configuration = SegmentorConfiguration(
      backbone: .swin(
        SwinConfiguration(
          embeddingSize: 8, depths: [1, 1, 2, 1], headCounts: [1, 2, 2, 4], windowSize: 4)),
      classCount: 5)
    configuration.channels = 16
    configuration.auxiliaryChannels = 8
    configuration.dropoutRate = 0
    let segmentor = Segmentor(configuration, initializer: .blank)
    DeterministicFill.fill(segmentor.parameters + segmentor.buffers)
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
    expectSampled(
      tensor, norm: expected.norm, values: expected.values, relative: relative,
      absoluteNorm: 1e-7, what)
  }

  @Test("Losses, gradients and moved running statistics of a training step are mmsegmentation's")
  func training() throws {
    let reference = try Self.reference()
    let segmentor = Self.small()
    #expect(Self.labels.count { $0 == 255 } == reference.ignored)
    let losses = segmentor.losses(
      DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2), labels: Self.labels, seed: 0,
      step: 0)
    expectClose([losses.decode], [reference.decode], relative: 1e-6, absolute: 0, "decode loss")
    expectClose(
      [losses.auxiliary], [reference.auxiliary], relative: 1e-6, absolute: 0, "auxiliary loss")
    losses.total.backward()
    #expect(segmentor.parameters.count == reference.gradients.count)
    let largest = reference.gradients.values.map(\.norm).max() ?? 1
    for (key, tensor) in segmentor.parameters {
      let gradient = try #require(tensor.gradient, "\(key) has no gradient")
      let expected = try #require(reference.gradients[key], "\(key) is not in the reference")
      // Below that a gradient is what rounding leaves of zero.
      if expected.norm > 1e-9 * largest {
        expect(gradient, expected, relative: 5e-4, "gradient of \(key)")
      }
    }
    try expect(
      Self.wholeLogits(segmentor), #require(reference.logits["trained"]), relative: 1e-5, "logits")
  }

  /// The logits of a whole pass at the size of the reference's input.
  private static func wholeLogits(_ segmentor: Segmentor) -> Tensor {
    segmentor.setTraining(false)
    return withoutGradients {
      bilinearResized(
        segmentor.logits(DeterministicFill.tensor("odd", [1, 3, 52, 76], bound: 2)), height: 52,
        width: 76)
    }
  }

  @Test("Logits and classes of an image seen whole, and whole and mirrored, are mmsegmentation's")
  func inference() throws {
    let reference = try Self.reference()
    let segmentor = Self.small()
    try expect(
      Self.wholeLogits(segmentor), #require(reference.logits["whole"]), relative: 1e-5, "logits")
    let odd = DeterministicFill.tensor("odd", [1, 3, 52, 76], bound: 2)
    let values = odd.values
    let mirrored = Tensor(
      (0..<3 * 52).flatMap { row in (0..<76).map { values[row * 76 + 75 - $0] } }, shape: odd.shape)
    // Brought to another size; with both passes the probabilities are averaged.
    let passes = withoutGradients {
      [
        SegmentationPass(logits: segmentor.logits(odd), height: 52, width: 76),
        SegmentationPass(
          logits: segmentor.logits(mirrored), height: 52, width: 76, isFlipped: true),
      ]
    }
    for (name, count) in [("whole", 1), ("flip", 2)] {
      let classes = ClassMap.classes(Array(passes.prefix(count)), height: 60, width: 70)
      let expected = try #require(reference.maps[name])
      let agreeing = zip(classes, expected.classes).count { Int($0) == $1 }
      #expect(classes.count == expected.classes.count && Set(expected.classes).count > 1)
      #expect(agreeing >= expected.clear, "\(name): \(agreeing) of \(classes.count)")
    }
  }

  @Test("The published size has the published parameters and keys, and a file comes back whole")
  func published() throws {
    let segmentor = Segmentor(.ade20k, initializer: .blank)
    #expect(segmentor.parameterCount == 59_941_862)
    #expect(segmentor.parameters.count == 220)
    let folder = try TemporaryDirectory()
    let small = Self.small()
    try small.write(to: folder.file("small.pth"))
    let loaded = try Segmentor.load(path: folder.file("small.pth"))
    #expect(loaded.report.isComplete)
    // Dropout is no part of a file.
    var expected = small.configuration
    expected.dropoutRate = loaded.network.configuration.dropoutRate
    #expect(loaded.network.configuration == expected)
    for (a, b) in paired(small.parameters, loaded.network.parameters) {
      #expect(a.key == b.key && a.tensor.values == b.tensor.values)
    }
    try CheckpointWriter.write(
      StateDictionary(small.backbone).entries, to: folder.file("backbone.pth"))
    #expect(throws: CheckpointError.self) {
      try Segmentor.load(path: folder.file("backbone.pth"))
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

  @Test(
    "UPerNet on larger backbones has the published parameters and multiply-adds",
    arguments: [
      (SwinConfiguration.small, 81_259_766, 1038.0), (.base, 121_279_716, 1188),
    ])
  func larger(backbone: SwinConfiguration, count: Int, billions: Double) {
    let configuration = SegmentorConfiguration(backbone: .swin(backbone), classCount: 150)
    let segmentor = Segmentor(configuration, initializer: .blank)
    #expect(segmentor.parameterCount == count)
    #expect(segmentor.parameters.count == 220 + 12 * 13)
    let cost = Double(configuration.multiplyAdds(height: 512, width: 2048).total) / 1e9
    #expect(abs(cost - billions) < 1.5, "\(cost)")
  }
}
