import FileSupport
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Networks that a file claims and cannot fill", .timeLimit(.minutes(5)))
struct LeastWeightsTests {
  @Test("The bound is below the numbers that a network has, and not far")
  func bounds() {
    func count(_ module: some Module) -> Double {
      module.parameters.reduce(0) { $0 + Double($1.tensor.elementCount) }
    }
    for architecture in NetworkTable.rows.map(\.architecture) {
      let whole = count(architecture.makeBackbone(inputSize: 224, initializer: .blank))
      #expect(architecture.leastWeights < whole && architecture.leastWeights > 0.7 * whole)
    }
    for base in [DetectorConfiguration.maskRCNN, .cascadeMaskRCNN] {
      let whole = count(Detector(base, initializer: .blank))
      #expect(base.leastWeights < whole && base.leastWeights > 0.7 * whole)
    }
    let segmentor = SegmentorConfiguration.ade20k
    let whole = count(Segmentor(segmentor, initializer: .blank))
    #expect(segmentor.leastWeights < whole && segmentor.leastWeights > 0.7 * whole)
  }

  /// A file of a small network in which one tensor has another shape.
  private func file(
    _ module: some Module, _ key: String, _ shape: [Int], in folder: TemporaryDirectory
  ) throws -> String {
    let path = folder.file("a.safetensors")
    let count = shape.reduce(1, *)
    let entries = StateDictionary(module).entries.map { entry in
      entry.key == key
        ? (key: key, shape: shape, values: [Float](repeating: 0, count: count)) : entry
    }
    #expect(entries.contains { $0.key == key }, "\(key)")
    try CheckpointWriter.write(entries, to: path)
    return path
  }

  @Test("A width, a depth or a head that the file does not hold takes no memory")
  func claims() throws {
    let folder = try TemporaryDirectory()
    let swin = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let wide = try file(swin, "patch_embed.proj.weight", [4096, 3, 4, 4], in: folder)
    let error = #expect(throws: CheckpointError.self) { try BackboneLoader.load(path: wide) }
    #expect(error?.problem.contains("neither a whole") == true)
    let base = DetectorConfiguration.maskRCNN.miniature(classCount: 3)
    let detector = Detector(base, initializer: Initializer(seed: 1))
    for (key, shape) in [
      ("neck.lateral_convs.0.conv.weight", [20_000, 4, 1, 1]),
      ("roi_head.bbox_head.fc_cls.weight", [4, 100_000]),
    ] {
      let path = try file(detector, key, shape, in: folder)
      #expect(throws: CheckpointError.self, "\(key)") {
        try Detector.load(path: path, allowsPartial: true)
      }
    }
    let segmentor = Segmentor(.miniature(classCount: 3), initializer: Initializer(seed: 1))
    // A patch without width divides by zero.
    let flat = try file(segmentor, "backbone.patch_embed.proj.weight", [32, 3, 4, 0], in: folder)
    #expect(throws: CheckpointError.self) { try Segmentor.load(path: flat, allowsPartial: true) }
    let path = try file(segmentor, "decode_head.conv_seg.weight", [3, 20_000, 1, 1], in: folder)
    #expect(throws: CheckpointError.self) { try Segmentor.load(path: path, allowsPartial: true) }
  }
}
