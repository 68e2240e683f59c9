import CommandLine
import Layers
import Loading
import Models
import Reporting
import VisionData

/// How a segmentor is trained and tested: network, schedule, sizes.
///
/// Source: Swin-Transformer-Semantic-Segmentation, `upernet_swin_tiny…_512x512_160k_ade20k`; of frozen
/// backbones, DINOv2's linear evaluation (Oquab et al., 2023) and the nearest neighbours of Balažević
/// et al., Towards In-context Scene Understanding, 2023.
public struct SegmentationRecipe: Sendable, Equatable {
  /// What is put on the backbone.
  public enum Form: Sendable {
    /// UPerNet, trained together with the backbone.
    case upernet
    /// A linear classifier of the frozen backbone's cells.
    case linear
    /// The labels of the frozen backbone's nearest cells; nothing is trained.
    case neighbours
  }

  /// What is trained, and how long.
  public enum Name: String, OptionChoice, Sendable {
    case upernet160k = "upernet-160k"
    case upernet80k = "upernet-80k"
    case upernet40k = "upernet-40k"
    case linear40k = "linear-40k"
    case neighbours = "knn"

    /// What it puts on the backbone.
    public var form: Form {
      switch self {
      case .upernet160k, .upernet80k, .upernet40k: .upernet
      case .linear40k: .linear
      case .neighbours: .neighbours
      }
    }
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
  /// Images that pass through the network together; batch norms see no others.
  public var imagesPerPass: Int { min(passSize ?? batchSize, batchSize) }
  private var passSize: Int?
  /// Side of the training crops.
  public var cropSize = 512
  /// The rate after the warm-up; it falls to 0 in a straight line.
  public var learningRate = 6e-5
  /// Of everything but norms and bias tables of the backbone; biases decay, too.
  public var weightDecay = 0.01
  /// How the backbone's rates fall from layer to layer; 1 is one rate for all.
  public var layerDecay: Float = 1
  /// Rate of the backbone's last block.
  public var dropPathRate: Float = 0.3
  /// Updates of warm-up.
  public var warmupSteps = 1500
  /// Cells of training images that labels are taken from, at most.
  public var memorySize = 102_400
  /// Nearest cells that give a cell its labels, and the temperature of their shares.
  public var neighbourCount = 30
  public var temperature = 0.02
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
      case .upernet40k, .linear40k: 40_000
      case .neighbours: 0
      }
    switch name.form {
    case .upernet: break
    case .linear: (learningRate, weightDecay, dropPathRate) = (1e-3, 1e-4, 0)
    case .neighbours:
      (dropPathRate, warmupSteps) = (0, 0)
      augments = false
    }
  }

  /// What is put on the backbone.
  public var form: Form { name.form }

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
    dropPathRate = min(dropPathRate, 0.05)
    guard preset == .smoke else { return }
    if form != .neighbours { length = 10 }
    batchSize = 2
    cropSize = 48
  }

  /// Updates; setting them shortens the warm-up in proportion.
  package var length: Int {
    get { stepCount }
    set {
      warmupSteps = stepCount > 0 ? warmupSteps * newValue / stepCount : 0
      stepCount = newValue
    }
  }

  /// Lets the images of an update pass through the network so many at a time.
  ///
  /// - Precondition: the batch is a multiple of it.
  package mutating func pass(_ count: Int) {
    precondition(batchSize % count == 0, "a batch of \(batchSize) in passes of \(count)")
    passSize = count
  }

  /// Makes the rate as many times larger as the batch is than the recipe's own.
  package mutating func scaleRate() {
    learningRate *= Double(batchSize) / Double(SegmentationRecipe(name, preset: preset).batchSize)
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
      ?? batchSize / imagesPerPass
      * ImageGroups.usualCount(
        batchSize: imagesPerPass,
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
    found.addFrozenNorms(of: segmentor.backbone)
    found.compare("segmentor", segmentor.name, published.configuration(classCount: 1).name)
    found.compare(
      "channels", segmentor.channels, published.configuration(classCount: 1).channels)
    compareLength(published, &found)
    found.compare("batch norms over crops", imagesPerPass, published.batchSize)
    found.compare("crop size", cropSize, published.cropSize)
    found.compare("learning rate", learningRate, published.learningRate)
    found.compare("weight decay", weightDecay, published.weightDecay)
    found.compare("layer decay", layerDecay, published.layerDecay)
    found.compare("drop path", dropPathRate, published.dropPathRate)
    found.compare("warm-up iterations", warmupSteps, published.warmupSteps)
    if !augments {
      found.add("training images as they are instead of resized, flipped and coloured")
    }
    return found
  }

  private func compareLength(_ published: SegmentationRecipe, _ found: inout Deviations) {
    found.compare("iterations", stepCount, published.stepCount)
    found.compare("batch size", batchSize, published.batchSize)
    if batchSize != published.batchSize, learningRate == published.learningRate {
      found.add("learning rate not scaled with the batch")
    }
  }

  /// Cells of the published memory of nearest neighbours.
  private static let publishedMemory = 10_240_000

  /// What the measurement of a frozen backbone has otherwise than the published one.
  ///
  /// - Parameter hasPatches: Whether the backbone's cells are patches, as in the sources.
  package func frozenDeviations(hasPatches: Bool) -> Deviations {
    let published = SegmentationRecipe(name)
    var found = testDeviations
    found.compare("crop size", cropSize, published.cropSize)
    if !hasPatches { found.add("cells of the last stage instead of patches") }
    switch form {
    case .upernet: break
    case .linear:
      compareLength(published, &found)
      found.compare("learning rate", learningRate, published.learningRate)
      found.compare("weight decay", weightDecay, published.weightDecay)
      found.compare("warm-up iterations", warmupSteps, published.warmupSteps)
      if !augments {
        found.add("training images as they are instead of resized, flipped and coloured")
      }
    case .neighbours:
      found.compare("memory of cells", memorySize, Self.publishedMemory)
      found.compare("neighbours", neighbourCount, published.neighbourCount)
      found.compare("temperature", temperature, published.temperature)
      found.add("neighbours found exactly instead of approximately")
      found.add("test in windows of images of their own shape instead of square images")
    }
    return found
  }

  /// Every setting of the measurement of a frozen backbone by name, for the run's record.
  package var frozenSettings: [String: String] {
    var members = [
      "recipe": name.rawValue, "preset": preset.rawValue, "crop-size": String(cropSize),
      "training view": training.summary,
    ]
    if form == .neighbours {
      members["memory"] = String(memorySize)
      members["neighbours"] = String(neighbourCount)
      members["temperature"] = temperature.argument
      return members
    }
    members["iterations"] = String(stepCount)
    members["batch-size"] = String(batchSize)
    members["learning-rate"] = learningRate.argument
    members["weight-decay"] = weightDecay.argument
    members["warmup-iterations"] = String(warmupSteps)
    return members
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
    // What was no setting at first is named where it differs, so that older runs keep their keys.
    var others = imagesPerPass == batchSize ? [:] : ["images-per-pass": String(imagesPerPass)]
    if layerDecay != 1 { others["layer-decay"] = layerDecay.argument }
    return [
      "recipe": name.rawValue, "preset": preset.rawValue,
      "network": configuration(classCount: 1).name, "iterations": String(stepCount),
      "batch-size": String(batchSize), "groups": String(groups),
      "crop-size": String(cropSize), "learning-rate": learningRate.argument,
      "weight-decay": weightDecay.argument, "drop-path": String(dropPathRate),
      "warmup-iterations": String(warmupSteps), "training view": training.summary,
    ].merging(others) { $1 }
  }
}
