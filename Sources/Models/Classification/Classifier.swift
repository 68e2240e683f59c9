import FileSupport
import Layers
import TensorCore

/// The numbers that define a classifier.
public struct ClassifierConfiguration: TaskNetworkConfiguration {
  /// The backbone.
  public var backbone: Architecture
  /// Classes that are told apart.
  public var classCount: Int
  /// Side of the images, in pixels.
  public var inputSize: Int
  /// Deviation of the truncated normal law that the head's first weights follow; 0 is zeros.
  public var headDeviation = 0.02

  /// A classifier on a backbone.
  public init(backbone: Architecture, classCount: Int, inputSize: Int = 224) {
    self.backbone = backbone
    self.classCount = classCount
    self.inputSize = inputSize
  }
}

/// A classifier of images: a backbone, and a linear map of its features.
///
///     logits = W·f + b
///
/// Shapes: images `[B, 3, S, S]`; features f `[B, D]`, of a Swin the mean of all tokens, of a ViT the
/// class token, after the final norm; logits `[B, K]`.
///
/// State keys: the backbone's as they are, `head.weight [K, D]`, `head.bias [K]`, as the files of Swin
/// and DeiT have them.
/// Initialisation: truncated normal, biases 0.
public final class Classifier: TaskNetwork {
  /// The numbers of this classifier.
  public let configuration: ClassifierConfiguration
  public var classCount: Int { configuration.classCount }
  /// The backbone.
  public let backbone: any Backbone
  /// The map from features to logits.
  public let head: Linear

  /// Builds a classifier with fresh weights.
  public init(_ configuration: ClassifierConfiguration, initializer: Initializer) {
    self.configuration = configuration
    backbone = configuration.backbone.makeBackbone(
      inputSize: configuration.inputSize, initializer: initializer)
    let shape = [configuration.classCount, backbone.featureCount]
    head = Linear(
      weight: configuration.headDeviation > 0
        ? initializer.truncatedNormal(
          shape, key: "head.weight", deviation: configuration.headDeviation)
        : Tensor(zeros: shape),
      bias: Tensor(zeros: [configuration.classCount]))
  }

  /// The logits of some features, `[B, D]` to `[B, K]`.
  public func logits(ofFeatures features: Tensor) -> Tensor { head(features) }

  /// Random branches belong to training.
  public func setTraining(_ isTraining: Bool) {
    if !isTraining { backbone.dropPath = nil }
  }

  public func takeBackbone(_ loaded: LoadedBackbone) throws(CheckpointError) -> [String] {
    func shapes(_ backbone: any Backbone) -> [[Int]] { backbone.parameters.map(\.tensor.shape) }
    guard loaded.backbone.architecture == backbone.architecture,
      shapes(loaded.backbone) == shapes(backbone)
    else {
      throw CheckpointError(
        path: loaded.report.path,
        problem: "holds \(loaded.backbone.architecture.name) where "
          + "\(backbone.architecture.name) at \(configuration.inputSize) pixels is needed",
        remedy: "give a backbone of that network, or its --architecture")
    }
    backbone.copyParameters(from: loaded.backbone)
    // The loader resized what had another size, and says so itself.
    return []
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitParameters(prefix, visit)
    head.visitParameters(prefix + "head.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    backbone.visitBuffers(prefix, visit)
  }
}

// MARK: Files

extension Classifier {
  public static let file = (
    kind: "classifier", framework: "Swin and DeiT", heads: "the head of a classifier"
  )

  public static func name(_ configuration: ClassifierConfiguration) -> String {
    configuration.backbone.name
  }

  /// What files call the side of the images.
  private static let sizeKey = "input_size"

  public static func load(
    path: String, allowsPartial: Bool = false
  ) throws -> LoadedNetwork<Classifier> {
    try load(path: path, inputSize: nil, claim: NetworkClaim(), allowsPartial: allowsPartial)
  }

  /// Loads a classifier with its backbone, in any layout that backbones have.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the images; nil is what the file says, else 224 pixels.
  ///   - claim: What the user says of the network.
  /// - Throws: `CheckpointError` when the file is damaged, holds no whole backbone with a head, or is for
  ///   images of another side.
  public static func load(
    path: String, inputSize: Int?, claim: NetworkClaim, allowsPartial: Bool
  ) throws -> LoadedNetwork<Classifier> {
    let file = try CheckpointFile(path: path)
    let side = file.metadata[sizeKey].flatMap(Int.init).flatMap {
      (1...4096).contains($0) ? $0 : nil
    }
    if let side, let inputSize, side != inputSize {
      throw CheckpointError(
        path: path, problem: "is for images of \(side) pixels, not \(inputSize)",
        remedy: "give --input-size \(side)", exitCode: .usage)
    }
    let size = inputSize ?? side ?? 224
    let loaded = try BackboneLoader.load(
      path: path, inputSize: size, claim: claim, allowsPartial: allowsPartial)
    guard let head = loaded.head,
      head.weight.count == head.classCount * loaded.backbone.featureCount,
      head.bias.count == head.classCount
    else {
      throw CheckpointError(
        path: path, problem: "holds a backbone but not \(Self.file.heads) that fits it",
        remedy: "give a \(Self.file.kind) checkpoint; a backbone goes to --backbone")
    }
    if let fault = loaded.headFault { throw fault }
    let network = Classifier(
      ClassifierConfiguration(
        backbone: loaded.backbone.architecture, classCount: head.classCount, inputSize: size),
      initializer: .blank)
    _ = try network.takeBackbone(loaded)
    network.head.weight.assign(head.weight)
    network.head.bias?.assign(head.bias)
    return LoadedNetwork(network: network, report: loaded.report, metadata: file.metadata)
  }

  /// The same classifier with the numbers of some of its classes alone.
  ///
  /// - Parameter classes: Which, in the order of the new numbers.
  /// - Precondition: each is one of the classifier's.
  public func keeping(_ classes: [Int]) -> Classifier {
    var configuration = configuration
    configuration.classCount = classes.count
    let kept = Classifier(configuration, initializer: .blank)
    kept.backbone.copyParameters(from: backbone)
    let (weight, bias) = (head.weight.values, head.bias?.values ?? [])
    let width = backbone.featureCount
    kept.head.weight.assign(classes.flatMap { weight[$0 * width..<($0 + 1) * width] })
    kept.head.bias?.assign(classes.map { bias.isEmpty ? 0 : bias[$0] })
    return kept
  }

  public func write(
    metadata: [(key: String, value: String)], to path: String
  ) throws(FileError) {
    try CheckpointWriter.write(
      StateDictionary(self).entries,
      metadata: metadata + configuration.backbone.unspokenFacts
        + [(Self.sizeKey, String(configuration.inputSize))], to: path)
  }
}
