import CommandLine
import Layers
import Models
import Reporting
import VisionData

/// How a detector is trained and tested: network, schedule, optimiser, sizes.
///
/// The 1x and 3x recipes train with 16 images a step, which is what their learning rate is for;
/// here they pass two at a time and the gradients are averaged, as over the eight processors of the
/// source.
///
/// Source: the Swin detection code's configurations. Differs from the source: single precision
/// throughout; the batch norms of the cascade's heads see two images at a time, not sixteen.
public struct DetectionRecipe: Sendable, Hashable {
  /// What is trained: the detector and its published schedule.
  public enum Name: String, OptionChoice, Sendable {
    case maskRCNN1x = "mask-rcnn-1x"
    case maskRCNN3x = "mask-rcnn-3x"
    case cascade1x = "cascade-1x"
    case cascade3x = "cascade-3x"
  }

  /// The name on the command line, and how large the run is.
  public let name: Name
  public private(set) var preset = Preset.full
  /// The network.
  public var detector: DetectorConfiguration
  /// Passes over the training images.
  public var epochs: Int
  /// Epochs, from 0, at whose start the rate drops to a tenth.
  public var milestones: [Int]
  /// Rate of the backbone's last block.
  public var dropPathRate: Float
  /// The rate after the warm-up.
  public var learningRate = 1e-4
  /// Of every parameter but norms, bias tables and position embeddings of the backbone.
  public var weightDecay = 0.05
  /// How the backbone's rates fall from layer to layer; 1 is one rate for all.
  public var layerDecay: Float = 1
  /// Images that pass through the network together.
  public var imagesPerPass = 2
  /// Passes a step.
  public var passesPerStep = 8
  /// Updates of linear warm-up, from `warmupRatio` of the rate.
  public var warmupSteps = 500
  /// Where the warm-up starts.
  public var warmupRatio = 0.001
  /// How training images are seen.
  public var augmentation = DetectionAugmentation()
  /// How test images are seen.
  public var testSize = ResizeLimit(long: 1333, short: 800)

  /// Scores above which a box is a detection.
  public var scoreThreshold: Float = 0.05
  /// Detections an image, at most; COCO's AP looks at the best hundred.
  public var detectionLimit = 100

  /// Whether proposals without width or height are left out, as mmdetection 3 does; 2.11, of which the
  /// published detectors are, keeps them.
  public var dropsEmptyProposals = false

  /// The published recipe of a name.
  public init(_ name: Name) {
    self.name = name
    switch name {
    case .maskRCNN1x: (detector, epochs, milestones, dropPathRate) = (.maskRCNN, 12, [8, 11], 0.1)
    case .maskRCNN3x:
      (detector, epochs, milestones, dropPathRate) = (.maskRCNN, 36, [27, 33], 0.2)
    case .cascade1x:
      (detector, epochs, milestones, dropPathRate) = (.cascadeMaskRCNN, 12, [8, 11], 0)
    case .cascade3x:
      (detector, epochs, milestones, dropPathRate) = (.cascadeMaskRCNN, 36, [27, 33], 0.2)
    }
  }

  /// The recipe at another size.
  ///
  /// The small ones are for the sample set: a small detector, small images, a schedule of few
  /// steps in an epoch and so of more epochs.
  public init(_ name: Name, preset: Preset) {
    self.init(name)
    self.preset = preset
    guard preset != .full else { return }
    detector = detector.miniature(classCount: 80)
    epochs *= 4
    milestones = [epochs * 3 / 4, epochs * 11 / 12]
    dropPathRate = min(dropPathRate, 0.05)
    learningRate = 1e-3
    passesPerStep = 1
    warmupSteps = 50
    augmentation = augmentation.scaled(by: 0.24)
    testSize = ResizeLimit(long: 320, short: 192)
    guard preset == .smoke else { return }
    length = 2
    warmupSteps = 4
    scaleImages(by: 0.5)
  }

  /// The recipe in tables: `mask-rcnn-1x`, `mask-rcnn-1x (mini)`.
  package var title: String { preset.title(name.rawValue) }

  /// Epochs; setting them moves the milestones in proportion.
  package var length: Int {
    get { epochs }
    set {
      let factor = Double(newValue) / Double(epochs)
      milestones = milestones.map { Int((Double($0) * factor).rounded()) }
      epochs = newValue
    }
  }

  /// Images a step; setting it lets them pass two at a time.
  public var batchSize: Int {
    get { imagesPerPass * passesPerStep }
    set {
      imagesPerPass = min(newValue, 2)
      passesPerStep = max(1, newValue / 2)
    }
  }

  /// Lets the images of a step pass through the network so many at a time.
  ///
  /// - Precondition: the batch is a multiple of it.
  package mutating func pass(_ count: Int) {
    precondition(batchSize % count == 0, "a batch of \(batchSize) in passes of \(count)")
    (imagesPerPass, passesPerStep) = (count, batchSize / count)
  }

  /// Makes the rate as many times larger as the batch is than the recipe's own.
  package mutating func scaleRate() {
    learningRate *= Double(batchSize) / Double(DetectionRecipe(name, preset: preset).batchSize)
  }

  /// Brings training and test images to another size.
  package mutating func scaleImages(by factor: Double) {
    guard factor != 1 else { return }
    augmentation = augmentation.scaled(by: factor)
    func scaled(_ side: Int) -> Int { max(16, Int((Double(side) * factor).rounded())) }
    testSize = ResizeLimit(long: scaled(testSize.long), short: scaled(testSize.short))
  }

  /// Shows training images as test images are shown.
  package mutating func dropAugmentation() {
    augmentation.shortSides = [testSize.short]
    augmentation.longSide = testSize.long
    augmentation.cropShortSides = []
    augmentation.flipProbability = 0
  }

  /// The rate of every step, counted from 0.
  public func schedule(stepsPerEpoch: Int) -> StepSchedule {
    StepSchedule(
      base: learningRate, milestones: milestones.map { $0 * stepsPerEpoch },
      warmupStart: learningRate * warmupRatio, warmupSteps: warmupSteps)
  }

  /// What a training of a detector has otherwise than the published one of this name.
  package func deviations(of detector: DetectorConfiguration) -> Deviations {
    let published = DetectionRecipe(name)
    var found = testDeviations
    found.addFrozenNorms(of: detector.backbone)
    found.compare("detector", detector.name, published.detector.name)
    found.compare("backbone", detector.backbone.name, published.detector.backbone.name)
    found.compare("epochs", epochs, published.epochs)
    found.compare("milestones", milestones, published.milestones)
    found.compare("drop path", dropPathRate, published.dropPathRate)
    found.compare("learning rate", learningRate, published.learningRate)
    found.compare("weight decay", weightDecay, published.weightDecay)
    found.compare("layer decay", layerDecay, published.layerDecay)
    found.compare("batch size", batchSize, published.batchSize)
    if batchSize != published.batchSize, learningRate == published.learningRate {
      found.add("learning rate not scaled with the batch")
    }
    found.compare("warm-up updates", warmupSteps, published.warmupSteps)
    found.compare("augmentation", augmentation.summary, published.augmentation.summary)
    if detector.isCascade {
      // The source's norms see the images of all processors.
      found.compare("batch norms of the box heads over images", imagesPerPass, published.batchSize)
    }
    found.add("single precision instead of mixed")
    return found
  }

  /// What a test has otherwise than the published one.
  package var testDeviations: Deviations {
    var found = Deviations()
    found.compare("test size", testSizeText, DetectionRecipe(name).testSizeText)
    if dropsEmptyProposals { found.add("proposals without area left out") }
    let published = DetectionRecipe(name)
    found.compare("score threshold", scoreThreshold, published.scoreThreshold)
    found.compare("detections an image", detectionLimit, published.detectionLimit)
    return found
  }

  private var testSizeText: String { "short side \(testSize.short), long side \(testSize.long)" }

  /// Every setting by name, for the run's record.
  public var settings: [String: String] {
    // What was no setting at first is named where it differs, so that older runs keep their keys.
    var others = dropsEmptyProposals ? ["proposals": "with an area"] : [:]
    let usual = DetectionRecipe(name)
    if scoreThreshold != usual.scoreThreshold {
      others["score threshold"] = scoreThreshold.argument
    }
    if layerDecay != usual.layerDecay { others["layer-decay"] = layerDecay.argument }
    if detectionLimit != usual.detectionLimit { others["detections"] = String(detectionLimit) }
    return [
      "recipe": name.rawValue, "preset": preset.rawValue, "detector": detector.name,
      "network": detector.backbone.name,
      "epochs": String(epochs), "milestones": milestones.map(String.init).joined(separator: ","),
      "drop-path": String(dropPathRate), "learning-rate": String(learningRate),
      "weight-decay": String(weightDecay), "images-per-pass": String(imagesPerPass),
      "batch-size": String(batchSize), "warmup-updates": String(warmupSteps),
      "augmentation": augmentation.summary,
      "test size": testSizeText,
    ].merging(others) { $1 }
  }
}
