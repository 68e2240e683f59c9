import Foundation
import Geometry
import Layers
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Models

private struct Sampled: Decodable {
  let norm: Double
  let values: [Double]
}

private struct Reference: Decodable {
  let terms: [String: Double]
  let gradients: [String: Sampled]

  static func load(_ name: String) throws -> Reference {
    let path = SourceTree.fixture("Models/detectors.json")
    let all = try JSONDecoder().decode(
      [String: Reference].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    return try #require(all[name])
  }
}

/// The small detector and batch of `Tests/References/detectors.py`.
private enum Small {
  static func configuration(_ base: DetectorConfiguration) -> DetectorConfiguration {
    var small = base
    small.backbone = SwinConfiguration(
      embeddingSize: 8, depths: [1, 2, 1, 1], headCounts: [1, 2, 2, 4], windowSize: 4)
    (small.classCount, small.channels, small.hiddenSize) = (5, 8, 24)
    small.anchors.scale = 4
    small.trainingProposals = ProposalSelection(perLevel: 60, perImage: 50)
    // Everything is taken, so nothing is drawn.
    small.anchorSampler = RandomSampler(count: 1 << 30, positiveLimit: 1 << 30)
    small.regionSampler = RandomSampler(count: 1 << 30, positiveLimit: 1 << 30)
    return small
  }

  static func detector(_ base: DetectorConfiguration) -> Detector {
    let detector = Detector(configuration(base), initializer: .blank)
    detector.visitParameters("") { key, tensor in
      // The reference names the backbone's numbers without their prefix.
      let values = DeterministicFill.weight(key, tensor.shape)
      tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
    }
    return detector
  }

  static func batch() -> DetectionBatch {
    let sizes: [DetectionBatch.Size] = [(90, 120), (64, 100)]
    let (height, width) = (96, 128)
    let images = Tensor(zeros: [2, 3, height, width])
    for (index, size) in sizes.enumerated() {
      let values = DeterministicFill.values(
        "image\(index)", count: 3 * size.height * size.width, bound: 2)
      for row in 0..<3 * size.height {
        let (channel, y) = (row / size.height, row % size.height)
        for x in 0..<size.width {
          images.pointer[((index * 3 + channel) * height + y) * width + x] =
            values[row * size.width + x]
        }
      }
    }
    let places: [[(Float, Float, Float, Float)]] = [
      [(10, 12, 60, 70), (55, 20, 110, 52), (5, 60, 40, 88)], [(20, 8, 77, 50)],
    ]
    let labels = [[1, 4, 0], [2]]
    let targets = sizes.enumerated().map { index, size in
      let boxes = places[index].map { CornerBox($0.0, $0.1, $0.2, $0.3) }
      return DetectionTarget(
        boxes: boxes, labels: labels[index], masks: boxes.map { mask($0, size) })
    }
    return DetectionBatch(
      images: images, sizes: sizes, paddedSizes: [(96, 128), (64, 128)], targets: targets)
  }

  private static func mask(_ box: CornerBox, _ size: DetectionBatch.Size) -> LabelMap {
    var pixels: [UInt8] = []
    for y in 0..<size.height {
      for x in 0..<size.width {
        let (fx, fy) = (Float(x), Float(y))
        let inside = fx >= box.x1 && fx < box.x2 && fy >= box.y1 && fy < box.y2
        pixels.append(inside && (x + 3 * y) % 16 > 3 ? 1 : 0)
      }
    }
    return LabelMap(width: size.width, height: size.height, labels: pixels)
  }
}

@Suite("Detectors against PyTorch", .serialized)
struct DetectorReferenceTests {
  @Test(
    "Every loss and every gradient equals the reference's",
    arguments: [
      ("mask", DetectorConfiguration.maskRCNN), ("cascade", .cascadeMaskRCNN),
    ])
  func lossesAndGradients(name: String, base: DetectorConfiguration) throws {
    let reference = try Reference.load(name)
    let detector = Small.detector(base)
    let losses = detector.losses(Small.batch(), draws: DetectionDraws(seed: 0, step: 0))
    #expect(Set(losses.terms.map(\.name)) == Set(reference.terms.keys))
    for (term, value) in losses.terms {
      let expected = try #require(reference.terms[term])
      expectClose([value.item], [expected], relative: 2e-4, absolute: 1e-6, term)
    }
    losses.sum.backward()
    #expect(detector.parameters.count == reference.gradients.count)
    for (key, tensor) in detector.parameters {
      let gradient = try #require(tensor.gradient, "\(key) has no gradient")
      let expected = try #require(reference.gradients[key], "\(key) is not in the reference")
      let values = gradient.values
      let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      expectClose([Float(norm)], [expected.norm], relative: 2e-3, absolute: 1e-5, key + " norm")
      let at = expected.values.indices.map { values[($0 * 7919 + 13) % values.count] }
      let scale = expected.norm / Double(values.count).squareRoot()
      expectClose(
        at, expected.values, relative: 5e-3, absolute: 5e-3 * scale + 1e-6, "gradient of \(key)")
    }
  }

  @Test(
    "Parameter totals and state keys are those of published files",
    arguments: [
      (DetectorConfiguration.maskRCNN, 47_794_602, 231 - 12),
      (.cascadeMaskRCNN, 85_629_804, 337 - 12),
    ])
  func totals(configuration: DetectorConfiguration, count: Int, tensors: Int) {
    let detector = Detector(configuration, initializer: .blank)
    #expect(detector.parameterCount == count)
    // Position indices are recomputed and not stored.
    #expect(detector.parameters.count + detector.buffers.count == tensors)
    let keys = Set(detector.parameters.map(\.key) + detector.buffers.map(\.key))
    let suffix = configuration.isCascade ? "2." : ""
    for key in [
      "backbone.patch_embed.proj.weight", "backbone.norm3.bias",
      "backbone.layers.2.blocks.5.attn.relative_position_bias_table",
      "backbone.layers.1.downsample.reduction.weight", "neck.lateral_convs.0.conv.weight",
      "neck.fpn_convs.3.conv.bias", "rpn_head.rpn_conv.weight", "rpn_head.rpn_cls.bias",
      "rpn_head.rpn_reg.weight", "roi_head.bbox_head.\(suffix)shared_fcs.0.weight",
      "roi_head.bbox_head.\(suffix)fc_reg.bias", "roi_head.mask_head.\(suffix)convs.3.conv.weight",
      "roi_head.mask_head.\(suffix)upsample.weight",
      "roi_head.mask_head.\(suffix)conv_logits.bias",
    ] { #expect(keys.contains(key), "\(key)") }
    #expect(keys.contains("roi_head.bbox_head.0.shared_convs.3.bn.running_var") == (tensors > 300))
  }

  @Test("An image without objects has no box or mask loss, and trains")
  func noObjects() throws {
    let detector = Small.detector(.maskRCNN)
    let full = Small.batch()
    let empty = DetectionBatch(
      images: full.images, sizes: full.sizes, paddedSizes: full.paddedSizes,
      targets: full.targets.map { _ in DetectionTarget() })
    let losses = detector.losses(empty, draws: DetectionDraws(seed: 0, step: 0))
    let terms = Dictionary(uniqueKeysWithValues: losses.terms.map { ($0.name, $0.value.item) })
    #expect(terms["loss_bbox"] == 0 && terms["loss_mask"] == 0 && terms["loss_rpn_bbox"] == 0)
    #expect(try #require(terms["loss_cls"]) > 0)
    losses.sum.backward()
  }

  @Test("Losses do not depend on the number of threads, and the draws follow the step")
  func determinism() {
    var configuration = Small.configuration(.cascadeMaskRCNN)
    configuration.anchorSampler = RandomSampler(count: 32, positiveLimit: 8)
    configuration.regionSampler = RandomSampler(count: 24, positiveLimit: 6)
    let detector = Detector(configuration, initializer: Initializer(seed: 3))
    func loss(_ step: Int, threads: Int) -> Float {
      withThreadCount(threads) {
        withoutGradients {
          detector.losses(Small.batch(), draws: DetectionDraws(seed: 5, step: step)).sum.item
        }
      }
    }
    let first = loss(0, threads: 1)
    #expect(first == loss(0, threads: 2))
    #expect(first != loss(1, threads: 1))
  }

  @Test("Detections lie inside the image, best first, with masks of its size")
  func inference() {
    var configuration = Small.configuration(.cascadeMaskRCNN)
    configuration.scoreThreshold = 0.1
    let detector = Detector(configuration, initializer: .blank)
    detector.copyParameters(from: Small.detector(.cascadeMaskRCNN))
    let full = Small.batch()
    let one = DetectionBatch(
      images: rows(full.images, 0..<1), sizes: [full.sizes[0]],
      paddedSizes: [full.paddedSizes[0]])
    let found = detector.detections(one, original: (180, 240))
    #expect(!found.isEmpty && found.count <= 100)
    #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
    for detection in found {
      #expect(detection.box.x1 >= 0 && detection.box.x2 <= 240 && detection.box.y2 <= 180)
      #expect((0..<5).contains(detection.label) && detection.score > 0.1)
      #expect(detection.mask.runs.reduce(0, +) == 180 * 240)
    }
  }
}
