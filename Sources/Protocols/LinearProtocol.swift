import CommandLine
import Reporting
import VisionData

/// Every setting of a linear probe that decides its numbers; the defaults are MoBY's.
public struct LinearProtocol: Sendable, Equatable {
  /// Whose protocol it is.
  public enum Name: String, OptionChoice, Sendable {
    case moby
  }

  /// Passes over the training images.
  public var epochs = 100
  /// Epochs of linear warm-up.
  public var warmupEpochs = 5
  /// Images a step.
  public var batchSize = 512
  /// Learning rates for a batch of 512; with several, one is chosen on held-out training images.
  public var learningRates = [1.0]
  /// Part of the training images held out to choose among several learning rates and epochs.
  public var heldOutFraction = 0.1
  /// Weight decay of the classifier.
  public var weightDecay = 0.0
  /// Label smoothing of the loss.
  public var labelSmoothing = 0.1
  /// Limit of the classifier's gradient norm.
  public var clipNorm = 5.0
  /// Drop-path rate of the frozen backbone while the classifier trains.
  public var dropPathRate = 0.2
  /// Side of the images, in pixels.
  public var inputSize = 224
  /// How pixels are brought to the numbers that the network was trained with.
  public var normalization = PixelNormalization.imageNet
  /// Whether features are computed once, without augmentation and drop path.
  public var isCached = false

  /// The published protocol.
  public init() {}

  /// A protocol at some size: the small ones compute features once, and `mini` chooses its rate.
  public init(_ name: Name, preset: Preset) {
    guard preset != .full else { return }
    batchSize = 64
    inputSize = 64
    isCached = true
    if preset == .smoke {
      (epochs, warmupEpochs) = (3, 1)
    } else {
      (epochs, learningRates) = (60, [0.3, 1, 3, 10])
    }
  }

  /// How test images are seen.
  public var testTransform: EvaluationTransform { EvaluationTransform(inputSize: inputSize) }

  /// How training images are seen.
  public var trainTransform: CropFlipTransform { CropFlipTransform(size: inputSize) }

  /// Whether learning rate and epoch are chosen on held-out images.
  public var selects: Bool { learningRates.count > 1 }

  /// How many of a class's training images are held out.
  package func heldOutCount(of count: Int) -> Int {
    selects ? Int((Double(count) * heldOutFraction).rounded()) : 0
  }

  /// The settings by name, as text.
  public var settings: [String: String] {
    var list = common
    if normalization != .imageNet { list["pixels"] = normalization.summary }
    return list
  }

  private var common: [String: String] {
    [
      "epochs": String(epochs), "warmup-epochs": String(warmupEpochs),
      "batch-size": String(batchSize), "learning-rates": learningRates.argument,
      "held-out": selects ? heldOutFraction.argument : "0",
      "weight-decay": weightDecay.argument, "label-smoothing": labelSmoothing.argument,
      "clip-norm": clipNorm.argument, "drop-path": isCached ? "0" : dropPathRate.argument,
      "input-size": String(inputSize), "features": isCached ? "cached" : "augmented every epoch",
      "test view": testTransform.summary,
      "train view": isCached ? testTransform.summary : trainTransform.summary,
      "optimizer": "SGD, Nesterov momentum 0.9", "feature": "pooled output after the final norm",
      "knn": "k 10/20/100/200, T 0.07, features of the test view",
    ]
  }

  /// What differs from DINO's published nearest neighbours, which see test images of a resize by
  /// bicubic weights to 256 and a crop of 224; here they see what the classifier sees.
  package var neighbourDeviations: Deviations {
    var found = Deviations()
    found.compare(
      "view of the neighbours", testTransform.summary,
      EvaluationTransform(resizeSize: 256, cropSize: 224, filter: .bicubic).summary)
    return found
  }

  /// What differs from MoBY's published protocol.
  package var deviations: Deviations {
    let published = LinearProtocol()
    var found = Deviations()
    func compare<Value: Equatable>(_ name: String, _ path: KeyPath<LinearProtocol, Value>) {
      found.compare(name, self[keyPath: path], published[keyPath: path])
    }
    compare("epochs", \.epochs)
    compare("warm-up epochs", \.warmupEpochs)
    compare("batch size", \.batchSize)
    compare("learning rates", \.learningRates)
    compare("weight decay", \.weightDecay)
    compare("label smoothing", \.labelSmoothing)
    compare("clip norm", \.clipNorm)
    compare("input size", \.inputSize)
    if normalization != published.normalization {
      found.add("pixels by \(normalization.summary) instead of ImageNet's")
    }
    if isCached {
      found.add("cached features: no augmentation and no drop path while the classifier trains")
    } else {
      compare("drop path", \.dropPathRate)
    }
    return found
  }
}
