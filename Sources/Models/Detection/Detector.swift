import Layers
import TensorCore

/// A two-stage detector with masks: backbone, feature pyramid, region proposals, box and mask heads.
///
/// A plain transformer's one map goes through a simple feature pyramid instead, as in ViTDet.
///
/// One stage of heads makes Mask R-CNN; several, each fed with the boxes of the one before, make
/// Cascade Mask R-CNN.
///
/// State keys: `backbone.*`, `neck.*`, `rpn_head.*`, `roi_head.bbox_head.*` and
/// `roi_head.mask_head.*`, with a stage's number after the head's name in a cascade.
///
/// Source: He et al., Mask R-CNN, 2017; Cai and Vasconcelos, Cascade R-CNN, 2018.
public final class Detector: DenseTaskNetwork {
  /// The numbers of this detector.
  public private(set) var configuration: DetectorConfiguration
  public var classCount: Int { configuration.classCount }
  /// Whether proposals without width or height go away, in training and at test.
  public var dropsEmptyProposals = false
  /// The score that a detection must exceed, and how many an image has at most.
  public var selection: (score: Float, limit: Int) {
    get { (configuration.scoreThreshold, configuration.detectionLimit) }
    set { (configuration.scoreThreshold, configuration.detectionLimit) = newValue }
  }
  /// The backbone, in its dense form.
  public let backbone: any DenseBackbone
  let pyramid: any Neck
  let proposalHead: RegionProposalHead
  let boxHeads: [BoxHead]
  let maskHeads: [MaskHead]

  /// Builds a detector with fresh weights.
  public init(_ configuration: DetectorConfiguration, initializer: Initializer) {
    self.configuration = configuration
    backbone = configuration.backbone.makeDenseBackbone(initializer: initializer)
    let strides = configuration.anchors.strides
    precondition(
      Self.fits(configuration.backbone.pyramidStrides, strides),
      "anchors at strides \(strides) do not fit maps at \(configuration.backbone.pyramidStrides)")
    let channels = backbone.stageChannels
    pyramid =
      channels.count == 1
      ? SimpleFeaturePyramid(
        inputs: channels[0], channels: configuration.channels, key: "neck.",
        initializer: initializer)
      : FeaturePyramid(
        inputChannels: channels, channels: configuration.channels, key: "neck.",
        initializer: initializer)
    proposalHead = RegionProposalHead(
      configuration, key: "rpn_head.", initializer: initializer)
    let suffixes = configuration.headSuffixes
    boxHeads = suffixes.map {
      BoxHead(configuration, key: "roi_head.bbox_head." + $0, initializer: initializer)
    }
    maskHeads = suffixes.map {
      MaskHead(configuration, key: "roi_head.mask_head." + $0, initializer: initializer)
    }
  }

  /// Whether every stage has its anchors, and the level above the last one, too.
  private static func fits(_ stages: [Int], _ anchors: [Int]) -> Bool {
    anchors.starts(with: stages) && anchors.count == stages.count + 1
  }

  /// The pyramid of a batch, five maps `[B, Hᵢ, Wᵢ, C]`: the last takes every other row and column
  /// of the fourth.
  func pyramidMaps(_ images: Tensor) -> [Tensor] {
    let maps = pyramid(backbone.stageMaps(images))
    return maps + [subsampled(maps[maps.count - 1], stride: 2)]
  }

  /// Batch statistics in training, running ones at test.
  public func setTraining(_ isTraining: Bool) {
    for head in boxHeads { head.setTraining(isTraining) }
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitParameters(prefix + "backbone.", visit)
    pyramid.visitParameters(prefix + "neck.", visit)
    proposalHead.visitParameters(prefix + "rpn_head.", visit)
    for (suffix, head) in zip(configuration.headSuffixes, boxHeads) {
      head.visitParameters(prefix + "roi_head.bbox_head." + suffix, visit)
    }
    for (suffix, head) in zip(configuration.headSuffixes, maskHeads) {
      head.visitParameters(prefix + "roi_head.mask_head." + suffix, visit)
    }
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitBuffers(prefix + "backbone.", visit)
    for (suffix, head) in zip(configuration.headSuffixes, boxHeads) {
      head.visitBuffers(prefix + "roi_head.bbox_head." + suffix, visit)
    }
  }
}

extension Detector {
  public static let file = (
    kind: "detector", framework: "mmdetection",
    heads: "the heads of a Mask R-CNN or Cascade Mask R-CNN with a Swin or ViT backbone"
  )

  public static func name(_ configuration: DetectorConfiguration) -> String {
    configuration.name + ", " + configuration.backbone.name
  }

  public static func configuration(
    of tensors: [String: StoredTensor], backbone: Architecture
  ) -> DetectorConfiguration? {
    func shape(_ key: String, _ rank: Int) -> [Int]? {
      tensors[key].map(\.shape).flatMap { $0.count == rank ? $0 : nil }
    }
    let isCascade = tensors["roi_head.bbox_head.0.fc_cls.weight"] != nil
    let base: DetectorConfiguration = isCascade ? .cascadeMaskRCNN : .maskRCNN
    let head = isCascade ? "roi_head.bbox_head.0." : "roi_head.bbox_head."
    guard let classifier = shape(head + "fc_cls.weight", 2), classifier[0] > 1,
      let lateral = shape("neck.lateral_convs.0.conv.weight", 4)
        ?? shape("neck.simfp_5.2.weight", 4),
      tensors[head + "shared_convs.0.conv.weight"] != nil || base.boxHead == .twoLinear,
      fits(backbone.pyramidStrides, base.anchors.strides)
    else { return nil }
    // A small detector is told by its channels; its anchors and samples leave no trace.
    let small = base.miniature(classCount: classifier[0] - 1)
    var configuration = lateral[0] == small.channels ? small : base
    configuration.backbone = backbone
    configuration.classCount = classifier[0] - 1
    configuration.channels = lateral[0]
    configuration.hiddenSize = classifier[1]
    guard tensors.mayFill(configuration.leastWeights) else { return nil }
    return configuration
  }
}

extension DetectorConfiguration {
  /// What stands between a head's name and its keys: nothing, or the stage's number in a cascade.
  var headSuffixes: [String] {
    isCascade ? stages.indices.map { "\($0)." } : [""]
  }
}
