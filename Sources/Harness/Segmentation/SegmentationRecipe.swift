import CommandLine
import Layers
import Models
import VisionData

/// How a segmentor is trained and tested: network, schedule, sizes.
///
/// Source: Swin-Transformer-Semantic-Segmentation, `upernet_swin_tiny…_512x512_160k_ade20k`.
public struct SegmentationRecipe: Sendable, Equatable {
  /// The name on the command line.
  public var name: String
  /// Whether the small network is used; else Swin-T with 512 channels.
  public var isMiniature = false
  /// Updates, and images in each.
  public var iterations: Int
  public var batchSize = 16
  /// Side of the training crops.
  public var cropSize = 512
  /// The rate after the warm-up; it falls to 0 in a straight line.
  public var learningRate = 6e-5
  /// Of everything but norms and bias tables of the backbone; biases decay, too.
  public var weightDecay = 0.01
  /// Rate of the backbone's last block.
  public var dropPathRate: Float = 0.3
  /// Updates of warm-up.
  public var warmupIterations = 1500
  /// Whether training images are changed at random.
  public var augments = true

  /// ADE20K's published recipe.
  public static let full = SegmentationRecipe(name: "160k", iterations: 160_000)

  /// The published recipe with half of the updates.
  public static let half = shortened("80k", iterations: 80_000)

  /// The published recipe with a quarter of the updates.
  public static let quarter = shortened("40k", iterations: 40_000)

  private static func shortened(_ name: String, iterations: Int) -> SegmentationRecipe {
    var recipe = full
    recipe.name = name
    recipe.iterations = iterations
    return recipe
  }

  /// For the sample set: a small segmentor, small images, a short schedule.
  public static let mini: SegmentationRecipe = {
    var recipe = SegmentationRecipe(name: "mini", iterations: 900)
    recipe.isMiniature = true
    recipe.batchSize = 8
    recipe.cropSize = 96
    recipe.learningRate = 2e-3
    recipe.dropPathRate = 0.05
    recipe.warmupIterations = 90
    return recipe
  }()

  /// The recipes by name.
  public static let all = [full, half, quarter, mini]

  /// Their names, for help and errors.
  static let names = all.map(\.name).joined(separator: ", ")

  /// The network for a number of classes.
  func configuration(classCount: Int) -> SegmentorConfiguration {
    isMiniature
      ? .miniature(classCount: classCount)
      : SegmentorConfiguration(backbone: .tiny, classCount: classCount)
  }

  /// How training images are seen.
  var training: SegmentationAugmentation {
    var transform = SegmentationAugmentation(cropSize: cropSize)
    if !augments {
      transform.ratioRange = 1...1.0001
      transform.flipProbability = 0
      transform.distortion = nil
    }
    return transform
  }

  /// The box that test images are fitted into.
  var testLimit: ResizeLimit { ResizeLimit(long: 4 * cropSize, short: cropSize) }

  /// The rate of one update: a line to 0 times a warm-up that starts at a millionth.
  ///
  /// Source: mmcv's poly policy with power 1 and linear warm-up.
  func learningRate(step: Int) -> Double {
    let base = learningRate * (1 - Double(step) / Double(iterations))
    guard step < warmupIterations else { return base }
    let left = 1 - Double(step) / Double(warmupIterations)
    return base * (1 - left * (1 - 1e-6))
  }

  /// Every parameter with its decay: names with `norm` and bias tables have none.
  func optimizedParameters(_ segmentor: Segmentor) -> [OptimizedParameter] {
    segmentor.parameters.map { key, tensor in
      let isExempt = ["norm", "relative_position_bias_table", "absolute_pos_embed"].contains {
        key.contains($0)
      }
      return OptimizedParameter(
        key: key, tensor: tensor, weightDecay: isExempt ? 0 : Float(weightDecay))
    }
  }

  /// Every setting by name, for the run's record.
  var settings: [String: String] {
    [
      "preset": name, "iterations": String(iterations), "batch-size": String(batchSize),
      "crop-size": String(cropSize), "learning-rate": learningRate.argument,
      "weight-decay": weightDecay.argument, "drop-path": String(dropPathRate),
      "warmup-iterations": String(warmupIterations), "training view": training.summary,
    ]
  }
}
