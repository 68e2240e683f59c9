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

@Suite("Detectors' training against mmdetection", .serialized)
struct DetectorReferenceTests {
  @Test(
    "Every loss and every gradient of a training step is mmdetection's",
    arguments: [
      ("mask", DetectorConfiguration.maskRCNN, 1e-4, 1e-3),
      // One of the cascade's rectified numbers is 0 but for rounding: whether its gradient passes
      // depends on the order of a sum, and everything below has that much of it.
      ("cascade", .cascadeMaskRCNN, 4e-3, 2e-2),
    ])
  func lossesAndGradients(
    name: String, base: DetectorConfiguration, norms: Double, values bound: Double
  ) throws {
    let reference = try Reference.load(name)
    let detector = SmallDetector.make(base)
    let losses = detector.losses(SmallDetector.batch(), draws: DetectionDraws(seed: 0, step: 0))
    #expect(Set(losses.terms.map(\.name)) == Set(reference.terms.keys))
    for (term, value) in losses.terms {
      let expected = try #require(reference.terms[term])
      expectClose([value.item], [expected], relative: 5e-6, absolute: 0, term)
    }
    losses.sum.backward()
    #expect(detector.parameters.count == reference.gradients.count)
    for (key, tensor) in detector.parameters {
      let gradient = try #require(tensor.gradient, "\(key) has no gradient")
      let expected = try #require(reference.gradients[key], "\(key) is not in the reference")
      let values = gradient.values
      let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      expectClose([Float(norm)], [expected.norm], relative: norms, absolute: 1e-8, key + " norm")
      let at = expected.values.indices.map { values[($0 * 7919 + 13) % values.count] }
      let scale = expected.norm / Double(values.count).squareRoot()
      expectClose(
        at, expected.values, relative: bound, absolute: bound * scale + 1e-8, "gradient of \(key)")
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

  @Test(
    "Cascades on larger backbones have the published parameters (107 and 145 million)",
    arguments: [(SwinConfiguration.small, 106_947_708), (.base, 144_977_002)])
  func larger(backbone: SwinConfiguration, count: Int) {
    var configuration = DetectorConfiguration.cascadeMaskRCNN
    configuration.backbone = .swin(backbone)
    let detector = Detector(configuration, initializer: .blank)
    #expect(detector.parameterCount == count)
    // Twelve blocks of thirteen tensors more than Swin-T.
    #expect(detector.parameters.count + detector.buffers.count == 337 - 12 + 12 * 13)
  }

  @Test("An image without objects has no box or mask loss, and trains")
  func noObjects() throws {
    let detector = SmallDetector.make(.maskRCNN)
    let full = SmallDetector.batch()
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
    var configuration = SmallDetector.configuration(.cascadeMaskRCNN)
    configuration.anchorSampler = RandomSampler(count: 32, positiveLimit: 8)
    configuration.regionSampler = RandomSampler(count: 24, positiveLimit: 6)
    let detector = Detector(configuration, initializer: Initializer(seed: 3))
    func loss(_ step: Int, threads: Int) -> Float {
      withThreadCount(threads) {
        withoutGradients {
          let draws = DetectionDraws(seed: 5, step: step)
          return detector.losses(SmallDetector.batch(), draws: draws).sum.item
        }
      }
    }
    let first = loss(0, threads: 1)
    #expect(first == loss(0, threads: 2))
    #expect(first != loss(1, threads: 1))
  }

  @Test(
    "A detector that says no numbers has not found nothing",
    arguments: ["rpn_head.rpn_cls.bias", "fc_cls.bias", "fc_reg.bias", "conv_logits.bias"])
  func broken(key: String) throws {
    let detector = SmallDetector.make(.maskRCNN)
    let shown = SmallDetector.shown(1)
    #expect(detector.detections(shown, original: (61, 97))?.isEmpty == false)
    let (_, bias) = try #require(detector.parameters.first { $0.key.hasSuffix(key) })
    bias.assign(bias.values.map { _ in .nan })
    #expect(detector.detections(shown, original: (61, 97)) == nil)
  }

  @Test("Objects without a mask teach boxes only")
  func withoutMasks() {
    let full = SmallDetector.batch()
    func losses(_ isKnown: (Int) -> Bool) -> [String: Float] {
      let detector = SmallDetector.make(.maskRCNN)
      let targets = full.targets.map { target in
        DetectionTarget(
          boxes: target.boxes, labels: target.labels,
          masks: target.masks.enumerated().map { isKnown($0.offset) ? $0.element : nil })
      }
      let batch = DetectionBatch(
        images: full.images, sizes: full.sizes, paddedSizes: full.paddedSizes, targets: targets)
      let terms = detector.losses(batch, draws: DetectionDraws(seed: 0, step: 0)).terms
      return Dictionary(uniqueKeysWithValues: terms.map { ($0.name, $0.value.item) })
    }
    let (all, some, none) = (losses { _ in true }, losses { $0 == 0 }, losses { _ in false })
    for name in ["loss_cls", "loss_bbox", "loss_rpn_cls"] {
      #expect(all[name] == some[name] && all[name] == none[name], "\(name)")
    }
    #expect(none["loss_mask"] == 0)
    #expect(all["loss_mask"] != some["loss_mask"] && some["loss_mask"] ?? 0 > 0)
  }

  @Test("Detections lie inside the image, best first, with masks of its size")
  func inference() throws {
    var configuration = SmallDetector.configuration(.cascadeMaskRCNN)
    configuration.scoreThreshold = 0.1
    let detector = Detector(configuration, initializer: .blank)
    detector.copyParameters(from: SmallDetector.make(.cascadeMaskRCNN))
    let full = SmallDetector.batch()
    let one = DetectionBatch(
      images: rows(full.images, 0..<1), sizes: [full.sizes[0]],
      paddedSizes: [full.paddedSizes[0]])
    let found = try #require(detector.detections(one, original: (180, 240)))
    #expect(!found.isEmpty && found.count <= 100)
    #expect(zip(found, found.dropFirst()).allSatisfy { $0.score >= $1.score })
    for detection in found {
      #expect(detection.box.x1 >= 0 && detection.box.x2 <= 240 && detection.box.y2 <= 180)
      #expect((0..<5).contains(detection.label) && detection.score > 0.1)
      #expect(detection.mask.runs.reduce(0, +) == 180 * 240)
    }
  }
}
