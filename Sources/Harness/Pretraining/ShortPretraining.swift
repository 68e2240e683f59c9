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
/// The methods are whole; what is short is said by `summary`: network, input, epochs.
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
  /// Seed of weights, order and augmentation.
  public var seed = 0

  /// The recipe of one method.
  public init(_ method: MethodDescription?) {
    self.method = method
    epochs = method == nil ? 0 : method == .supervised ? 40 : 60
  }

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
    var plan = PretrainingPlan(recipe, architecture: architecture)
    plan.inputSize = inputSize
    plan.seed = seed
    plan.probeLimit = 0
    return plan
  }

  /// What was trained, in a line for the table's notes.
  public var summary: String {
    guard let plan else { return "\(architecture.name), not trained" }
    let recipe = plan.recipe
    let length =
      "\(architecture.name) at \(inputSize) px, \(recipe.epochs) epochs of batch "
      + "\(recipe.batchSize)"
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
    guard var plan else {
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
          StateDictionary(network).entries, metadata: [(key: "recipe", value: summary)], to: path)
      }
      return path
    }
    plan.onBadImage = policy
    plan.recipe.batchSize = min(plan.recipe.batchSize, data.train.count)
    plan.recipe.settings.fit(batchSize: plan.recipe.batchSize)
    let run = try PretrainingRun(
      plan, data: data, dataName: dataName, digests: digests, saveInterval: 60, isQuiet: true)
    var options = RunOptions()
    options.output = folder
    options.restarts = restarts
    return try run.run(options).path
  }
}
