import CommandLine
import Models
import Reporting
import VisionData

/// Every setting of a classifier on a backbone that decides its numbers; the defaults are MoBY's.
///
/// It is a probe on frozen features, or trained together with the backbone.
public struct LinearProtocol: Sendable, Equatable {
  /// Whose protocol it is.
  public enum Name: String, OptionChoice, Sendable {
    case moby
    case mocoV3 = "moco-v3"
    case dino, logistic, attentive
    case fineTuneSwin = "fine-tune-swin"
    case fineTuneDeiT = "fine-tune-deit"
    case fineTuneSimMIM = "fine-tune-simmim"
    case fineTuneMAE = "fine-tune-mae"
  }

  /// How the classifier is found.
  public enum Classifier: Sendable, Equatable {
    /// By stochastic gradient descent, epoch by epoch.
    case descent
    /// As the optimum of L2-regularised logistic regression, by L-BFGS.
    case logistic
    /// By AdamW, gathering the tokens of every image by a learned query.
    case attentive
    /// By AdamW, together with the backbone.
    case endToEnd
  }

  /// How the rate falls.
  public enum Schedule: Sendable, Equatable {
    /// Step by step, after a warm-up, as MoBY's.
    case steps
    /// Epoch by epoch along a cosine to 0.
    case epochs
  }

  /// How the classifier starts.
  public enum Start: String, Sendable {
    case truncatedNormal = "truncated normal 0.02"
    case normal = "normal 0.01"
    case small = "truncated normal 2e-5"
    case zero = "zero"
  }

  /// Whose protocol it is.
  public var name = Name.moby
  /// How the classifier is found.
  public var classifier = Classifier.descent
  /// What training the whole network needs beside all this; nil for probes.
  public var endToEnd: EndToEnd?
  /// Which features it sees; nil is what the recipe takes of the network.
  public var feature: FeatureChoice?
  /// Passes over the training images.
  public var epochs = 100
  /// Epochs of linear warm-up.
  public var warmupEpochs = 5
  /// Images a step.
  public var batchSize = 512
  /// Images that learning rates are given for; others scale them.
  public var rateBatchSize = 512
  /// Learning rates for so many; with several, one is chosen on held-out training images.
  public var learningRates = [1.0]
  /// How rates fall.
  public var schedule = Schedule.steps
  /// Whether the momentum of 0.9 is Nesterov's.
  public var isNesterov = true
  /// How the classifier starts.
  public var start = Start.truncatedNormal
  /// Part of the training images held out to choose among several settings and epochs.
  public var heldOutFraction = 0.1
  /// Weight decay of the classifier.
  public var weightDecay = 0.0
  /// Label smoothing of the loss.
  public var labelSmoothing = 0.1
  /// Limit of the classifier's gradient norm; 0 is none.
  public var clipNorm = 5.0
  /// Drop-path rate of the backbone while the classifier trains.
  public var dropPathRate = 0.2
  /// Strengths λ of a logistic regression that are tried; empty is CLIP's search.
  ///
  /// The objective is Σ loss + λ/2·|W|², so that λ is scikit-learn's 1/C.
  public var regularizations: [Double] = []
  /// Iterations of L-BFGS at most.
  public var iterationLimit = 1000
  /// Side of the images, in pixels.
  public var inputSize = 224
  /// How test images are resized, and whether to the crop's side itself.
  public var testFilter = ResamplingFilter.bilinear
  /// Whether the shorter side of a test image is resized to the crop's side, nothing being cut of it.
  public var keepsShortSide = false
  /// How pixels are brought to the numbers that the network was trained with.
  public var normalization = PixelNormalization.imageNet
  /// Whether features are computed once, without augmentation and drop path.
  public var isCached = false

  /// MoBY's published protocol.
  public init() {}

  /// How test images are seen.
  public var testTransform: EvaluationTransform {
    var transform = EvaluationTransform(inputSize: inputSize)
    transform.filter = testFilter
    if keepsShortSide { transform.resizeSize = inputSize }
    return transform
  }

  /// How training images are seen.
  public var trainTransform: any ImageTransform {
    endToEnd?.trainTransform(inputSize: inputSize) ?? CropFlipTransform(size: inputSize)
  }

  /// Whether settings and epoch are chosen on held-out images.
  public var selects: Bool {
    classifier == .logistic ? regularizations.count != 1 : learningRates.count > 1
  }

  /// Whether the source has the frozen backbone in training mode while the classifier trains, as MoBY's
  /// code does; of it drop path alone is followed here, batch norms keep their running statistics.
  public var keepsTrainingMode: Bool { name == .moby && !isCached }

  /// How many of a class's training images are held out.
  package func heldOutCount(of count: Int) -> Int {
    selects ? Int((Double(count) * heldOutFraction).rounded()) : 0
  }

  /// The features that are taken of a network.
  public func feature(of architecture: Architecture) -> FeatureChoice {
    if let feature { return feature }
    guard name == .dino else { return FeatureChoice() }
    // DINO's numbers for ViT-S and smaller, EsViT's for Swin; ViT-B and larger have the other.
    if case .visionTransformer(let own) = architecture, own.embeddingSize >= 768 {
      return FeatureChoice(blockCount: 1, pooling: .classAndMean)
    }
    return FeatureChoice(blockCount: min(4, architecture.blockWidths.count))
  }

  /// The settings by name, as text.
  public var settings: [String: String] {
    var list = common
    switch classifier {
    case .descent: list.merge(descent) { $1 }
    case .logistic: list.merge(logistic) { $1 }
    case .attentive: list.merge(attentive) { $1 }
    case .endToEnd: list.merge(trained) { $1 }
    }
    if name != .moby { list["recipe"] = name.rawValue }
    if normalization != .imageNet { list["pixels"] = normalization.summary }
    return list
  }

  private var common: [String: String] {
    var list = [
      "held-out": selects ? heldOutFraction.argument : "0", "input-size": String(inputSize),
      "test view": testTransform.summary,
      "train view": isCached ? testTransform.summary : trainTransform.summary,
      "feature": feature?.summary
        ?? (name == .dino ? "as DINO takes it of each network" : FeatureChoice().summary),
    ]
    if endToEnd == nil {
      list["features"] = isCached ? "cached" : "augmented every epoch"
      list["knn"] = "k 10/20/100/200, T 0.07, features of the test view"
    }
    return list
  }

  private var descent: [String: String] {
    var list = [
      "epochs": String(epochs), "warmup-epochs": String(warmupEpochs),
      "batch-size": String(batchSize), "learning-rates": learningRates.argument,
      "weight-decay": weightDecay.argument, "label-smoothing": labelSmoothing.argument,
      "clip-norm": clipNorm == 0 ? "none" : clipNorm.argument,
      "drop-path": isCached ? "0" : dropPathRate.argument,
      "optimizer": "SGD, \(isNesterov ? "Nesterov " : "")momentum 0.9",
    ]
    // What MoBY's protocol has not been asked for is named where it is another.
    let usual = LinearProtocol()
    if rateBatchSize != usual.rateBatchSize { list["rates for"] = "batches of \(rateBatchSize)" }
    if schedule != usual.schedule { list["schedule"] = "cosine to 0, once an epoch" }
    if start != usual.start { list["start"] = start.rawValue }
    return list
  }

  private var attentive: [String: String] {
    [
      "epochs": String(epochs), "batch-size": String(batchSize),
      "learning-rates": learningRates.argument, "weight-decay": weightDecay.argument,
      "optimizer": "AdamW, cosines to 0 and to a decay of 1e-6",
      "feature": "all tokens of the last block after the final norm",
    ]
  }

  private var logistic: [String: String] {
    [
      "optimizer": "L-BFGS, at most \(iterationLimit) iterations",
      "regularizations": regularizations.isEmpty
        ? "1e-6…1e6, searched to 8 a decade" : regularizations.argument,
      "objective": "sum of cross-entropies + regularization/2 |W|²",
    ]
  }
}
