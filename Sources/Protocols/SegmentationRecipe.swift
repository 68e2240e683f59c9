import CommandLine
import Layers
import Loading
import Models
import Reporting
import VisionData

/// How a segmentor is trained and tested: network, schedule, sizes.
///
/// Source: Swin-Transformer-Semantic-Segmentation, `upernet_swin_tiny…_512x512_160k_ade20k`.
public struct SegmentationRecipe: Sendable, Equatable {
  /// What is trained: UPerNet for one of its published lengths.
  public enum Name: String, OptionChoice, Sendable {
    case upernet160k = "upernet-160k"
    case upernet80k = "upernet-80k"
    case upernet40k = "upernet-40k"
  }

  /// The name on the command line, and how large the run is.
  public let name: Name
  public private(set) var preset = Preset.full
  /// The backbone.
  public var backbone = Architecture.swin(.tiny)
  /// Updates, and images in each.
  public var stepCount: Int
  public var batchSize = 16
  /// Groups of a batch that are summed apart; nil is as many as cost no speed.
  public var groupCount: Int?
  /// Side of the training crops.
  public var cropSize = 512
  /// The rate after the warm-up; it falls to 0 in a straight line.
  public var learningRate = 6e-5
  /// Of everything but norms and bias tables of the backbone; biases decay, too.
  public var weightDecay = 0.01
  /// Rate of the backbone's last block.
  public var dropPathRate: Float = 0.3
  /// Updates of warm-up.
  public var warmupSteps = 1500
  /// Whether training images are changed at random, and blocks dropped.
  public var augments = true {
    didSet { if !augments { dropPathRate = 0 } }
  }

  /// The published recipe of a name.
  public init(_ name: Name) {
    self.name = name
    stepCount =
      switch name {
      case .upernet160k: 160_000
      case .upernet80k: 80_000
      case .upernet40k: 40_000
      }
  }

  /// The recipe at another size.
  ///
  /// The small ones are for the sample set: a small segmentor, small images, a short schedule.
  public init(_ name: Name, preset: Preset) {
    self.init(name)
    self.preset = preset
    guard preset != .full else { return }
    stepCount = stepCount * 9 / 1600
    warmupSteps = stepCount / 10
    backbone = .swin(.mini)
    batchSize = 8
    cropSize = 96
    learningRate = 2e-3
    dropPathRate = 0.05
    guard preset == .smoke else { return }
    length = 10
    batchSize = 2
    cropSize = 48
  }

  /// Updates; setting them shortens the warm-up in proportion.
  package var length: Int {
    get { stepCount }
    set {
      warmupSteps = warmupSteps * newValue / stepCount
      stepCount = newValue
    }
  }

  /// The network for a number of classes.
  package func configuration(classCount: Int) -> SegmentorConfiguration {
    var configuration: SegmentorConfiguration =
      preset == .full
      ? SegmentorConfiguration(backbone: backbone, classCount: classCount)
      : .miniature(classCount: classCount)
    configuration.backbone = backbone
    return configuration
  }

  /// Groups of a batch.
  package var groups: Int {
    groupCount
      ?? ImageGroups.usualCount(
        batchSize: batchSize,
        workPerImage: Double(
          configuration(classCount: 1).multiplyAdds(height: cropSize, width: cropSize).total))
  }

  /// How training images are seen.
  package var training: SegmentationAugmentation {
    var transform = SegmentationAugmentation(cropSize: cropSize)
    if !augments {
      transform.ratioRange = 1...1.0001
      transform.flipProbability = 0
      transform.distortion = nil
    }
    return transform
  }

  /// The box that test images are fitted into.
  package var testLimit: ResizeLimit { ResizeLimit(long: 4 * cropSize, short: cropSize) }

  /// The rate of one step: a line to 0 times a warm-up that starts at a millionth.
  ///
  /// Source: mmcv's poly policy with power 1 and linear warm-up.
  package func learningRate(step: Int) -> Double {
    let base = learningRate * (1 - Double(step) / Double(stepCount))
    guard step < warmupSteps else { return base }
    let left = 1 - Double(step) / Double(warmupSteps)
    return base * (1 - left * (1 - 1e-6))
  }

  /// What a training of a segmentor has otherwise than the published one of this name.
  package func deviations(of segmentor: SegmentorConfiguration) -> Deviations {
    let published = SegmentationRecipe(name)
    var found = testDeviations
    found.compare("segmentor", segmentor.name, published.configuration(classCount: 1).name)
    found.compare(
      "channels", segmentor.channels, published.configuration(classCount: 1).channels)
    found.compare("iterations", stepCount, published.stepCount)
    found.compare("batch size", batchSize, published.batchSize)
    found.compare("batch norms over crops", batchSize, published.batchSize)
    found.compare("crop size", cropSize, published.cropSize)
    found.compare("learning rate", learningRate, published.learningRate)
    found.compare("weight decay", weightDecay, published.weightDecay)
    found.compare("drop path", dropPathRate, published.dropPathRate)
    found.compare("warm-up iterations", warmupSteps, published.warmupSteps)
    if !augments {
      found.add("training images as they are instead of resized, flipped and coloured")
    }
    return found
  }

  /// What a test has otherwise than the published one.
  package var testDeviations: Deviations {
    func text(_ limit: ResizeLimit) -> String {
      "short side \(limit.short), long side \(limit.long)"
    }
    var found = Deviations()
    found.compare("test size", text(testLimit), text(SegmentationRecipe(name).testLimit))
    return found
  }

  /// Every setting by name, for the run's record.
  package var settings: [String: String] {
    [
      "recipe": name.rawValue, "preset": preset.rawValue,
      "network": configuration(classCount: 1).name, "iterations": String(stepCount),
      "batch-size": String(batchSize), "groups": String(groups),
      "crop-size": String(cropSize), "learning-rate": learningRate.argument,
      "weight-decay": weightDecay.argument, "drop-path": String(dropPathRate),
      "warmup-iterations": String(warmupSteps), "training view": training.summary,
    ]
  }
}
