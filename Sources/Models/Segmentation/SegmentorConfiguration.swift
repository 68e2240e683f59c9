/// The numbers that define a UPerNet segmentor.
public struct SegmentorConfiguration: TaskNetworkConfiguration {
  /// The backbone; it must have a dense form.
  public var backbone: Architecture
  /// Classes that are told apart.
  public var classCount: Int
  /// Channels of the decode head and of the auxiliary head.
  public var channels = 512, auxiliaryChannels = 256
  /// Cells a side of the pooled pyramid's levels.
  public var poolSizes = [1, 2, 3, 6]
  /// Part of the channels that is dropped before each classifier in training.
  public var dropoutRate: Float = 0.1
  /// Weight of the auxiliary head's loss.
  public var auxiliaryWeight: Float = 0.4

  /// UPerNet over a backbone.
  public init(backbone: Architecture, classCount: Int) {
    self.backbone = backbone
    self.classCount = classCount
  }

  /// UPerNet with Swin-T and the classes of ADE20K: 59,941,862 parameters.
  public static let ade20k = SegmentorConfiguration(backbone: .swin(.tiny), classCount: 150)

  /// A small segmentor for generated data and tests.
  public static func miniature(classCount: Int) -> SegmentorConfiguration {
    var configuration = SegmentorConfiguration(backbone: .swin(.mini), classCount: classCount)
    configuration.channels = 64
    configuration.auxiliaryChannels = 32
    return configuration
  }

  /// The name in tables.
  public var name: String { "UPerNet \(backbone.name)" }
}
