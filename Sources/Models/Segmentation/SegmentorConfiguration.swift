/// The numbers that define a UPerNet segmentor.
public struct SegmentorConfiguration: TaskNetworkConfiguration {
  /// The backbone; it must have a dense form.
  public var backbone: Architecture
  /// Classes that are told apart.
  public var classCount: Int
  /// Channels of the decode head and of the auxiliary head.
  public var channels = 512, auxiliaryChannels = 256
  /// Channels of the simple feature pyramid that makes four maps of a plain transformer's one.
  public var pyramidChannels = 256
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
    configuration.pyramidChannels = 32
    return configuration
  }

  /// Channels of the maps that the heads see.
  var headChannels: [Int] {
    let stages = backbone.stageChannels
    return stages.count > 1 ? stages : Array(repeating: pyramidChannels, count: 4)
  }

  /// The name in tables.
  public var name: String { "UPerNet \(backbone.name)" }
}
