import Layers
import TensorCore

/// The numbers that define a two-stage detector with masks.
///
/// Source: He et al., Mask R-CNN, 2017; Cai and Vasconcelos, Cascade R-CNN, 2018; the settings are
/// those of the Swin detection recipes.
public struct DetectorConfiguration: TaskNetworkConfiguration {
  /// How a box head looks.
  public enum BoxHeadForm: String, Sendable {
    /// Two shared linear layers.
    case twoLinear
    /// Four convolutions with batch normalisation, then one linear layer.
    case fourConvolutions
  }

  /// What the box regression is held to.
  public enum BoxLoss: Sendable, Hashable {
    /// Absolute difference of the encoded deltas.
    case absolute
    /// Generalised IoU of the decoded boxes, times a weight.
    case generalizedIoU(weight: Float)
  }

  /// One box head with its own training targets.
  public struct Stage: Sendable, Hashable {
    /// Which region belongs to which object.
    public var assigner: MaxIoUAssigner
    /// How boxes are encoded.
    public var coder: BoxCoder
    /// Factor of this stage's losses.
    public var lossWeight: Float
  }

  /// The name in tables.
  public var name: String
  /// The backbone; it must have a dense form.
  public var backbone = Architecture.swin(.tiny)
  /// Classes without the background.
  public var classCount = 80
  /// Channels of the feature pyramid and the heads.
  public var channels = 256
  /// Hidden size of the linear layers of the box heads.
  public var hiddenSize = 1024
  /// Shape of the box heads.
  public var boxHead: BoxHeadForm
  /// Loss of the box heads.
  public var boxLoss: BoxLoss
  /// The box heads, one after the other.
  public var stages: [Stage]
  /// Whether heads are keyed by their number, as in a cascade.
  public var isCascade: Bool { stages.count > 1 }
  /// The anchors.
  public var anchors = AnchorGenerator()
  /// Which anchor belongs to which object.
  public var anchorAssigner = MaxIoUAssigner(
    positive: 0.7, negative: 0.3, minimumPositive: 0.3, matchesLowQuality: true)
  /// Anchors a loss is computed on.
  public var anchorSampler = RandomSampler(count: 256, positiveLimit: 128)
  /// Pixels that a training anchor may reach beyond the image; negative for no limit.
  public var anchorBorder: Int
  /// Where the anchor regression turns from squares to absolute differences; 0 for never squares.
  public var anchorBeta: Float
  /// Proposals in training.
  public var trainingProposals: ProposalSelection
  /// Proposals at test.
  public var testProposals = ProposalSelection(perLevel: 1000, perImage: 1000)
  /// Regions a box head is trained on.
  public var regionSampler = RandomSampler(count: 512, positiveLimit: 128)
  /// Scores that are counted as a detection: above this one.
  public var scoreThreshold: Float = 0.05
  /// Overlap over which the lower score of a class goes.
  public var overlapThreshold: Float = 0.5
  /// Detections an image.
  public var detectionLimit = 100

  /// Mask R-CNN as the Swin recipes train it: 47,794,602 parameters with Swin-T and 80 classes.
  public static let maskRCNN = DetectorConfiguration(
    name: "Mask R-CNN", boxHead: .twoLinear, boxLoss: .absolute,
    stages: [
      Stage(
        assigner: MaxIoUAssigner(
          positive: 0.5, negative: 0.5, minimumPositive: 0.5, matchesLowQuality: true),
        coder: BoxCoder(deviations: SIMD4(0.1, 0.1, 0.2, 0.2)), lossWeight: 1)
    ],
    anchorBorder: -1, anchorBeta: 0,
    trainingProposals: ProposalSelection(perLevel: 2000, perImage: 1000))

  /// Cascade Mask R-CNN as the Swin recipes train it: 85,629,804 parameters with Swin-T and 80
  /// classes.
  public static let cascadeMaskRCNN: DetectorConfiguration = {
    func stage(_ threshold: Float, _ x: Float, _ size: Float, _ weight: Float) -> Stage {
      Stage(
        assigner: MaxIoUAssigner(
          positive: threshold, negative: threshold, minimumPositive: threshold,
          matchesLowQuality: false),
        coder: BoxCoder(deviations: SIMD4(x, x, size, size)), lossWeight: weight)
    }
    return DetectorConfiguration(
      name: "Cascade Mask R-CNN", boxHead: .fourConvolutions,
      boxLoss: .generalizedIoU(weight: 10),
      stages: [
        stage(0.5, 0.1, 0.2, 1), stage(0.6, 0.05, 0.1, 0.5), stage(0.7, 0.033, 0.067, 0.25),
      ],
      anchorBorder: 0, anchorBeta: 1.0 / 9,
      trainingProposals: ProposalSelection(perLevel: 2000, perImage: 2000))
  }()

  /// The same detector on Swin-mini with few channels, for generated data at small sizes.
  ///
  /// The anchors are half as large, as the images are.
  public func miniature(classCount: Int) -> DetectorConfiguration {
    var small = self
    small.name += " (mini)"
    small.backbone = .swin(.mini)
    small.classCount = classCount
    small.channels = 32
    small.hiddenSize = 128
    small.anchors.scale = 4
    small.anchorSampler = RandomSampler(count: 128, positiveLimit: 64)
    small.trainingProposals.perLevel = 300
    small.trainingProposals.perImage = 200
    small.testProposals = ProposalSelection(perLevel: 200, perImage: 100)
    small.regionSampler = RandomSampler(count: 64, positiveLimit: 16)
    return small
  }
}
