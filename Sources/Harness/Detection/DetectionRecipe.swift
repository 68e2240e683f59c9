import Layers
import Models
import VisionData

/// How a detector is trained and tested: network, schedule, optimiser, sizes.
///
/// The 1x and 3x recipes train with 16 images an update, which is what their learning rate is for;
/// here they pass two at a time and the gradients are averaged, as over the eight processors of the
/// source.
///
/// Source: the Swin detection code's configurations. Differs from the source: single precision
/// throughout; the batch norms of the cascade's heads see two images at a time, not sixteen.
public struct DetectionRecipe: Sendable, Hashable {
  /// The name on the command line.
  public var name: String
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
  public var weightDecay: Float = 0.05
  /// Images that pass through the network together.
  public var imagesPerPass = 2
  /// Passes an update.
  public var passesPerUpdate = 8
  /// Updates of linear warm-up, from `warmupRatio` of the rate.
  public var warmupUpdates = 500
  /// Where the warm-up starts.
  public var warmupRatio = 0.001
  /// How training images are seen.
  public var augmentation = DetectionAugmentation()
  /// How test images are seen.
  public var testSize = KeepRatioSize(short: 800, long: 1333)

  init(
    name: String, detector: DetectorConfiguration, epochs: Int, milestones: [Int],
    dropPathRate: Float
  ) {
    self.name = name
    self.detector = detector
    self.epochs = epochs
    self.milestones = milestones
    self.dropPathRate = dropPathRate
  }

  /// The published recipes and the small one, by their names.
  public static let all: [DetectionRecipe] = [
    DetectionRecipe(
      name: "mask-rcnn-1x", detector: .maskRCNN, epochs: 12, milestones: [8, 11],
      dropPathRate: 0.1),
    DetectionRecipe(
      name: "mask-rcnn-3x", detector: .maskRCNN, epochs: 36, milestones: [27, 33],
      dropPathRate: 0.2),
    DetectionRecipe(
      name: "cascade-1x", detector: .cascadeMaskRCNN, epochs: 12, milestones: [8, 11],
      dropPathRate: 0),
    DetectionRecipe(
      name: "cascade-3x", detector: .cascadeMaskRCNN, epochs: 36, milestones: [27, 33],
      dropPathRate: 0.2),
    .mini,
  ]

  /// For the sample set: a small detector, small images, a short schedule.
  public static let mini: DetectionRecipe = {
    var recipe = DetectionRecipe(
      name: "mini", detector: DetectorConfiguration.maskRCNN.miniature(classCount: 80),
      epochs: 48, milestones: [36, 44], dropPathRate: 0.05)
    recipe.learningRate = 1e-3
    recipe.passesPerUpdate = 1
    recipe.warmupUpdates = 50
    recipe.augmentation = DetectionAugmentation().scaled(by: 0.24)
    recipe.testSize = KeepRatioSize(short: 192, long: 320)
    return recipe
  }()

  /// The recipe of a name; nil when there is none.
  public static func named(_ name: String) -> DetectionRecipe? { all.first { $0.name == name } }

  /// Images an update.
  public var batchSize: Int { imagesPerPass * passesPerUpdate }

  /// The rate of every update, counted from 0.
  public func schedule(updatesPerEpoch: Int) -> StepSchedule {
    StepSchedule(
      base: learningRate, milestones: milestones.map { $0 * updatesPerEpoch },
      warmupStart: learningRate * warmupRatio, warmupSteps: warmupUpdates)
  }

  /// Every parameter with its decay: norms and bias tables by name have none.
  func optimizedParameters(_ detector: Detector) -> [OptimizedParameter] {
    detector.parameters.map { key, tensor in
      let isExempt = ["norm", "relative_position_bias_table", "absolute_pos_embed"].contains {
        key.contains($0)
      }
      return OptimizedParameter(
        key: key, tensor: tensor, weightDecay: isExempt ? 0 : weightDecay)
    }
  }

  /// Every setting by name, for the run's record.
  public var settings: [String: String] {
    [
      "recipe": name, "detector": detector.name, "network": detector.backbone.name,
      "epochs": String(epochs), "milestones": milestones.map(String.init).joined(separator: ","),
      "drop-path": String(dropPathRate), "learning-rate": String(learningRate),
      "weight-decay": String(weightDecay), "images-per-pass": String(imagesPerPass),
      "batch-size": String(batchSize), "warmup-updates": String(warmupUpdates),
      "augmentation": augmentation.summary,
      "test size": "short side \(testSize.short), long side \(testSize.long)",
    ]
  }
}
