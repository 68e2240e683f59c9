import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Runs
import Training
import VisionData

/// A short training of a small backbone, for comparisons that bring no checkpoint.
///
/// The methods are whole; what is short is said by `summary(of:)`: network, input, epochs, images.
public struct ShortPretraining: Sendable {
  /// What such a comparison has: fresh weights, training on labels, and training without.
  public static let usual: [MethodDescription?] = [nil, .supervised, .moby]
  /// What fresh weights are called in tables.
  static let freshTitle = "Random initialisation"

  /// The method; nil leaves the weights as they are drawn.
  public var method: MethodDescription?
  /// The network.
  public var architecture = Architecture.swin(.mini)
  /// Side of the images, in pixels.
  public var inputSize = 64
  /// Passes over the training images.
  public var epochs: Int
  /// Images an update; nil is the small recipe's.
  public var batchSize: Int?
  /// Seed of weights, order and augmentation.
  public var seed = 0

  /// The recipe of one method.
  public init(_ method: MethodDescription?) {
    self.method = method
    epochs = method == nil ? 0 : method == .supervised ? 40 : 60
  }

  /// Whether it looks at labels.
  var usesLabels: Bool { plan?.recipe.settings.labels != nil }

  /// Takes the length that goes with the pool: few passes over many images, in small batches.
  ///
  /// About nine minutes of one core of Zen 4. Chosen on sample sets of two seeds that serve nothing else
  /// (11 and 12), where as many images in batches of 128 taught a third as much.
  mutating func fitPool() { (epochs, batchSize) = (12, 32) }

  /// The name in tables.
  public var title: String { method?.title ?? Self.freshTitle }

  /// The training's plan; nil for fresh weights.
  var plan: PretrainingPlan? {
    guard let method else { return nil }
    var recipe = method.recipe(for: architecture, forTransformers: true)
    recipe.shrink(isSmoke: false)
    let standard = recipe.epochs
    recipe.epochs = epochs
    recipe.scaleEpochs(from: standard)
    if let batchSize { recipe.batchSize = batchSize }
    var plan = PretrainingPlan(recipe, architecture: architecture)
    plan.inputSize = inputSize
    plan.seed = seed
    plan.probeLimit = 0
    return plan
  }

  /// What was trained, in a line for the table's notes.
  ///
  /// - Parameter images: The images, in a few words.
  public func summary(of images: String) -> String {
    guard let plan else { return "\(architecture.name), not trained" }
    let recipe = plan.recipe
    let length =
      "pretrained on \(images): \(architecture.name) at \(inputSize) px, \(recipe.epochs) epochs "
      + "of batch \(recipe.batchSize)"
    guard let moby = recipe.settings as? MoBY.Settings else { return length }
    return length + ", queue \(moby.queueSize), heads \(moby.hiddenSize) and \(moby.outputSize)"
  }

  /// The checkpoint's path; trains and writes it when it is not there.
  ///
  /// A training that was killed goes on where its state was last saved.
  ///
  /// - Parameters:
  ///   - folder: Where such checkpoints are kept, named by recipe and data.
  ///   - data: The images.
  ///   - dataName: Their name in the checkpoint.
  ///   - digests: The images' contents.
  ///   - restarts: Whether it is made again when it is there.
  /// - Throws: What loading, training and writing throw.
  public func checkpoint(
    in folder: String, data: ClassificationData, dataName: String, policy: BadImagePolicy,
    digests: FileDigests = FileDigests(folder: nil), restarts: Bool = false
  ) throws -> String {
    guard let run = try run(data: data, dataName: dataName, policy: policy, digests: digests) else {
      let key = RunKey(
        task: "random",
        [
          "settings": [
            "architecture": architecture.name, "input-size": String(inputSize),
            "seed": String(seed),
          ]
        ])
      let path = "\(folder)/random-\(key.digest.prefix(12)).pth"
      if restarts || !FileManager.default.fileExists(atPath: path) {
        let network = architecture.makeBackbone(
          inputSize: inputSize, initializer: Initializer(seed: UInt64(seed)))
        try CheckpointWriter.write(
          StateDictionary(network).entries, metadata: [(key: "recipe", value: summary(of: ""))],
          to: path)
      }
      return path
    }
    return try run.run(Self.options(folder, restarts: restarts)).path
  }

  /// What is still to be done of it: the folder that it will be in, and about how many seconds it
  /// takes, measured on a few steps; nil where there is nothing to do.
  ///
  /// - Throws: What loading and training throw.
  func pending(
    in folder: String, data: ClassificationData, dataName: String, policy: BadImagePolicy,
    digests: FileDigests, restarts: Bool
  ) throws -> (path: String, seconds: Double)? {
    let options = Self.options(folder, restarts: restarts)
    guard let run = try run(data: data, dataName: dataName, policy: policy, digests: digests),
      !run.isFinished(options)
    else { return nil }
    return (run.path(options), try run.forecast().seconds)
  }

  private static func options(_ folder: String, restarts: Bool) -> RunOptions {
    var options = RunOptions()
    (options.output, options.restarts) = (folder, restarts)
    return options
  }

  private func run(
    data: ClassificationData, dataName: String, policy: BadImagePolicy, digests: FileDigests
  ) throws -> PretrainingRun? {
    guard var plan else { return nil }
    plan.onBadImage = policy
    plan.recipe.batchSize = min(plan.recipe.batchSize, data.train.count)
    plan.recipe.settings.fit(batchSize: plan.recipe.batchSize)
    return try PretrainingRun(
      plan, data: data, dataName: dataName, digests: digests, saveInterval: 60, isQuiet: true)
  }
}
