/// The numbers that define a Swin Transformer.
public struct SwinConfiguration: Sendable, Hashable {
  /// Side of a patch, in pixels.
  public var patchSize = 4
  /// Channels of the first stage; each later stage doubles them.
  public var embeddingSize: Int
  /// Blocks a stage.
  public var depths: [Int]
  /// Attention heads a stage.
  public var headCounts: [Int]
  /// Side of every stage's windows, in tokens.
  public var windowSizes: [Int]
  /// Hidden size of the MLP over the channels.
  public var mlpRatio = 4
  /// Whether the norm before each MLP is a batch norm: over all tokens of all images, ε 1e-5,
  /// momentum 0.1.
  public var hasBatchNormBeforeMLP = false

  /// Sets the numbers; patch 4 and MLP ratio 4 are the family's.
  public init(embeddingSize: Int, depths: [Int], headCounts: [Int], windowSize: Int) {
    self.embeddingSize = embeddingSize
    self.depths = depths
    self.headCounts = headCounts
    windowSizes = [Int](repeating: windowSize, count: depths.count)
  }

  /// Swin-T: 27,519,354 parameters without a head.
  public static let tiny = SwinConfiguration(
    embeddingSize: 96, depths: [2, 2, 6, 2], headCounts: [3, 6, 12, 24], windowSize: 7)

  /// Swin-S: 48,837,258 parameters without a head.
  public static let small = SwinConfiguration(
    embeddingSize: 96, depths: [2, 2, 18, 2], headCounts: [3, 6, 12, 24], windowSize: 7)

  /// Swin-B: 86,743,224 parameters without a head.
  public static let base = SwinConfiguration(
    embeddingSize: 128, depths: [2, 2, 18, 2], headCounts: [4, 8, 16, 32], windowSize: 7)

  /// Swin-L: 194,995,476 parameters without a head.
  public static let large = SwinConfiguration(
    embeddingSize: 192, depths: [2, 2, 18, 2], headCounts: [6, 12, 24, 48], windowSize: 7)

  /// The same network with other windows, as published for 384 pixels with 12.
  public func windows(of size: Int) -> SwinConfiguration {
    var other = self
    other.windowSize = size
    return other
  }

  /// The same network with a batch norm in place of the layer norm before each MLP.
  ///
  /// Source: Xie et al., Self-Supervised Learning with Swin Transformers, 2021: its code's README and
  /// `moby_swin_tiny_bn.yaml`.
  /// Differs from the source: the released code builds the norm anew at each call, without gain, offset
  /// and running statistics, behind an option whose name it misspells; here it is a layer like others.
  public var batchNormBeforeMLP: SwinConfiguration {
    var other = self
    other.hasBatchNormBeforeMLP = true
    return other
  }

  /// The smallest member that still has every part: for generated data at small input sizes.
  public static let mini = SwinConfiguration(
    embeddingSize: 32, depths: [1, 1, 2, 1], headCounts: [1, 2, 4, 8], windowSize: 4)

  /// The largest window; setting it makes all alike.
  public var windowSize: Int {
    get { windowSizes.max() ?? 0 }
    set { windowSizes = [Int](repeating: newValue, count: depths.count) }
  }

  /// `window 7`, or `windows 7-7-14-7` where stages differ.
  var windowText: String {
    Set(windowSizes).count == 1
      ? "window \(windowSize)"
      : "windows \(windowSizes.map(String.init).joined(separator: "-"))"
  }

  /// Channels of stage `stage`.
  public func channels(_ stage: Int) -> Int { embeddingSize << stage }
}
