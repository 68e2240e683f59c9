import CounterRandom
import Layers
import TensorCore

/// A semantic segmentor: backbone, UPerNet's decode head, and an auxiliary head for training.
///
/// Shapes: images `[B, 3, H, W]`; logits `[B, ⌈H/4⌉, ⌈W/4⌉, K]`.
///
/// State keys: `backbone.*`, `neck.*` over a plain transformer, `decode_head.*`, `auxiliary_head.*`.
///
/// Source: Xiao et al., Unified Perceptual Parsing for Scene Understanding, 2018; Liu et al., Swin
/// Transformer, 2021.
public final class Segmentor: DenseTaskNetwork, PixelClassifier {
  /// The numbers of this segmentor.
  public let configuration: SegmentorConfiguration
  public var classCount: Int { configuration.classCount }
  /// The backbone, in its dense form.
  public let backbone: any DenseBackbone
  /// Makes four maps of a plain transformer's one.
  private let neck: SimpleFeaturePyramid?
  private let decodeHead: UPerHead
  private let auxiliaryHead: AuxiliaryHead

  /// Builds a segmentor with fresh weights.
  public init(_ configuration: SegmentorConfiguration, initializer: Initializer) {
    self.configuration = configuration
    backbone = configuration.backbone.makeDenseBackbone(initializer: initializer)
    let (own, channels) = (backbone.stageChannels, configuration.headChannels)
    neck =
      own.count == 1
      ? SimpleFeaturePyramid(
        inputs: own[0], channels: configuration.pyramidChannels, key: "neck.",
        initializer: initializer) : nil
    decodeHead = UPerHead(
      configuration, stageChannels: channels, key: "decode_head.", initializer: initializer)
    auxiliaryHead = AuxiliaryHead(
      configuration, inputs: channels[channels.count - 2], key: "auxiliary_head.",
      initializer: initializer)
  }

  /// Batch statistics in training, running ones at test.
  public func setTraining(_ isTraining: Bool) {
    decodeHead.setTraining(isTraining)
    auxiliaryHead.setTraining(isTraining)
    if !isTraining { backbone.dropPath = nil }
  }

  /// The decode head's logits at a quarter of the size, by the running statistics.
  public func logits(_ images: Tensor) -> Tensor {
    // A training that was at its end when it was taken up has not said that it is over.
    setTraining(false)
    return decodeHead(maps(images)) { $0 }
  }

  /// The maps that the heads see, each half as large as the last.
  private func maps(_ images: Tensor) -> [Tensor] {
    let stages = backbone.stageMaps(images)
    return neck?(stages) ?? stages
  }

  /// The losses of one batch.
  public struct Losses {
    /// What is minimised.
    public let total: Tensor
    /// Cross-entropy of the decode head and of the auxiliary head, without its weight.
    public let decode, auxiliary: Float
  }

  /// Cross-entropy of both heads at the labels' size.
  ///
  /// The mean is over all pixels, ignored ones included, as the reference has it: an image that
  /// is half ignored weighs half.
  ///
  /// - Parameters:
  ///   - images: `[B, 3, S, S]`.
  ///   - labels: `[B, S, S]` class indices; 255 is ignored.
  ///   - seed: Seed of the dropped channels, with the step.
  ///   - firstImage: Position in the step's batch of the first image.
  ///   - batchCount: Images of the step's batch, when these are a part of it; the losses are then
  ///     the part's share of the batch's.
  public func losses(
    _ images: Tensor, labels: [UInt8], seed: UInt64, step: Int, firstImage: Int = 0,
    batchCount: Int? = nil
  ) -> Losses {
    setTraining(true)
    let (height, width) = (images.shape[2], images.shape[3])
    let targets = labels.map(Int.init)
    func dropout(_ head: Int) -> (Tensor) -> Tensor {
      { [rate = configuration.dropoutRate] x in
        var stream = RandomStream(seed: seed, purpose: .dropout, epoch: step, sample: head)
        return channelDropout(x, rate: rate, stream: &stream, firstImage: firstImage)
      }
    }
    let pixelCount = (batchCount ?? images.shape[0]) * height * width
    func loss(_ logits: Tensor) -> Tensor {
      crossEntropy(
        bilinearResized(logits, height: height, width: width), targets: targets, ignoring: 255,
        normalizer: Float(pixelCount))
    }
    let maps = maps(images)
    let decode = loss(decodeHead(maps, dropout: dropout(0)))
    let auxiliary = loss(auxiliaryHead(maps[maps.count - 2], dropout: dropout(1)))
    return Losses(
      total: add(decode, scaled(auxiliary, by: configuration.auxiliaryWeight)),
      decode: decode.item, auxiliary: auxiliary.item)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitParameters(prefix + "backbone.", visit)
    neck?.visitParameters(prefix + "neck.", visit)
    decodeHead.visitParameters(prefix + "decode_head.", visit)
    auxiliaryHead.visitParameters(prefix + "auxiliary_head.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitBuffers(prefix + "backbone.", visit)
    decodeHead.visitBuffers(prefix + "decode_head.", visit)
    auxiliaryHead.visitBuffers(prefix + "auxiliary_head.", visit)
  }
}

extension Segmentor {
  public static let file = (
    kind: "segmentor", framework: "mmsegmentation",
    heads: "the heads of a UPerNet with a Swin or ViT backbone"
  )

  public static func name(_ configuration: SegmentorConfiguration) -> String { configuration.name }

  public static func configuration(
    of tensors: [String: StoredTensor], backbone: Architecture
  ) -> SegmentorConfiguration? {
    guard let classifier = tensors["decode_head.conv_seg.weight"], classifier.shape.count == 4,
      let auxiliary = tensors["auxiliary_head.conv_seg.weight"], auxiliary.shape.count == 4
    else { return nil }
    var configuration = SegmentorConfiguration(backbone: backbone, classCount: classifier.shape[0])
    configuration.channels = classifier.shape[1]
    configuration.auxiliaryChannels = auxiliary.shape[1]
    if let neck = tensors["neck.simfp_5.2.weight"], neck.shape.count == 4 {
      configuration.pyramidChannels = neck.shape[0]
    }
    guard tensors.mayFill(configuration.leastWeights) else { return nil }
    return configuration
  }
}
