import Foundation
import Models

/// How a comparison's own backbones are made.
public enum BackboneMethod: String, CaseIterable, Sendable {
  /// Fresh weights.
  case random
  /// Cross-entropy on the training labels.
  case supervised
  /// Self-supervised on the training images.
  case moby

  /// The name in tables.
  public var title: String {
    switch self {
    case .random: "Random initialisation"
    case .supervised: "Supervised"
    case .moby: "MoBY"
    }
  }
}

/// A short training of a small backbone, for comparisons that bring no checkpoint.
///
/// The methods are whole; what is short is said by `summary`: network, input, epochs.
public struct ShortPretraining: Sendable {
  /// The method.
  public var method: BackboneMethod
  /// The network.
  public var configuration = SwinConfiguration.mini
  /// Side of the images, in pixels.
  public var inputSize = 64
  /// Passes over the training images.
  public var epochs: Int
  /// Images a step.
  public var batchSize = 64
  /// The highest learning rate.
  public var learningRate: Double
  /// Seed of weights, order and augmentation.
  public var seed = 0
  /// MoBY's numbers, with heads and queues in proportion to the data.
  public var moby: MoBYConfiguration

  /// The recipe of one method.
  public init(_ method: BackboneMethod) {
    self.method = method
    epochs = method == .random ? 0 : method == .supervised ? 40 : 60
    learningRate = 1e-3
    moby = MoBYConfiguration()
    moby.hiddenSize = 512
    moby.outputSize = 128
    moby.queueSize = 512
    moby.dropPathRate = 0.05
  }

  /// What was trained, in a line for the table's notes.
  public var summary: String {
    switch method {
    case .random: "\(configuration.name), not trained"
    case .supervised:
      "\(configuration.name) at \(inputSize) px, \(epochs) epochs of batch \(batchSize)"
    case .moby:
      "\(configuration.name) at \(inputSize) px, \(epochs) epochs of batch \(batchSize), queue "
        + "\(moby.queueSize), heads \(moby.hiddenSize) and \(moby.outputSize)"
    }
  }

  /// The checkpoint's path; trains and writes it when it is not there.
  ///
  /// - Parameters:
  ///   - folder: Where such checkpoints are kept, named by recipe and data.
  ///   - data: The training images.
  ///   - manifest: The hash of their list.
  /// - Throws: What loading, training and writing throw.
  public func checkpoint(
    in folder: String, data: ImageFolder, manifest: String, policy: BadImagePolicy
  ) throws -> String {
    let key = SHA256.digest("\(self) \(manifest) 2").prefix(16)
    let path = "\(folder)/\(method.rawValue)-\(key).pth"
    if FileManager.default.fileExists(atPath: path) { return path }
    let metadata = [(key: "recipe", value: summary)]
    switch method {
    case .random:
      let network = makeNetwork()
      try CheckpointWriter.write(StateDictionary(network).entries, metadata: metadata, to: path)
    case .supervised:
      let (network, head) = try trainSupervised(data, policy)
      let headEntries = StateDictionary(head).entries.map {
        (key: "head." + $0.key, shape: $0.shape, values: $0.values)
      }
      try CheckpointWriter.write(
        StateDictionary(network).entries + headEntries, metadata: metadata, to: path)
    case .moby:
      let model = try trainMoBY(data, policy)
      try CheckpointWriter.write(StateDictionary(model).entries, metadata: metadata, to: path)
    }
    return path
  }

  private func makeNetwork() -> SwinTransformer {
    SwinTransformer(
      configuration, inputSize: inputSize, initializer: Initializer(seed: UInt64(seed)))
  }

  /// Calls `body` for every step with the views of its images.
  private func forEachStep(
    _ data: ImageFolder, transforms: [any ImageTransform], policy: BadImagePolicy,
    _ body: (_ views: [Tensor], _ labels: [Int], _ step: Int, _ total: Int) throws -> Float
  ) throws {
    let batch = min(batchSize, data.count)
    let stepsPerEpoch = data.count / batch
    let progress = ProgressReporter(
      "training \(method.title)", total: epochs * stepsPerEpoch * batch, unit: "images")
    for epoch in 0..<epochs {
      var stream = RandomStream(seed: UInt64(seed), purpose: .shuffle, epoch: epoch)
      let order = Array(stream.permutation(data.count).prefix(stepsPerEpoch * batch))
      let loader = BatchLoader(
        folder: data, order: order, transforms: transforms, size: inputSize, batchSize: batch,
        seed: UInt64(seed), epoch: epoch, policy: policy)
      var step = epoch * stepsPerEpoch
      while let (views, labels, _) = try loader.nextViews() {
        try Interruption.check()
        // A batch that lost an image would not divide the queue and shift the norm's statistics.
        guard labels.count == batch else { continue }
        let loss = try body(views, labels, step, epochs * stepsPerEpoch)
        guard loss.isFinite else {
          throw TrainingError.notFinite(
            what: method.title + " backbone", step: step, remedy: "lower its learning rate")
        }
        step += 1
        progress.advance(by: batch, extra: String(format: "loss %.3f", loss))
      }
    }
    progress.finish()
  }

  private func schedule(totalSteps: Int) -> CosineSchedule {
    CosineSchedule(
      peak: learningRate, warmupStart: learningRate * 1e-3, minimum: learningRate * 5e-3,
      warmupSteps: totalSteps / 10, totalSteps: totalSteps)
  }

  private func trainSupervised(
    _ data: ImageFolder, _ policy: BadImagePolicy
  ) throws -> (SwinTransformer, Linear) {
    let network = makeNetwork()
    let head = Linear(
      truncatedNormal: network.featureCount, data.classNames.count, key: "head.",
      Initializer(seed: UInt64(seed)))
    let parameters = (network.parameters + head.parameters).map { key, tensor in
      // The supervised recipe spares norms, biases and bias tables.
      let exempt = tensor.shape.count == 1 || key.hasSuffix("bias_table")
      return OptimizedParameter(key: key, tensor: tensor, weightDecay: exempt ? 0 : 0.05)
    }
    let optimizer = AdamW(parameters, learningRate: 0)
    let transform = CropFlipTransform(
      size: inputSize, crop: RandomResizedCrop(scale: 0.35...1), filter: .bicubic)
    try forEachStep(data, transforms: [transform], policy: policy) { views, labels, step, total in
      network.dropPath = DropPathContext(rate: 0.1, seed: UInt64(seed), step: step)
      let loss = crossEntropy(
        head(network.features(views[0])), targets: labels, labelSmoothing: 0.1)
      update(optimizer, loss, step: step, total: total)
      return loss.item
    }
    network.dropPath = nil
    return (network, head)
  }

  private func trainMoBY(_ data: ImageFolder, _ policy: BadImagePolicy) throws -> MoBY {
    var configuration = moby
    let batch = min(batchSize, data.count)
    if configuration.queueSize % batch != 0 {
      configuration.queueSize = max(batch, configuration.queueSize / batch * batch)
    }
    let stepsPerEpoch = data.count / batch
    let model = MoBY(configuration, totalSteps: epochs * stepsPerEpoch, seed: UInt64(seed)) {
      makeNetwork()
    }
    let optimizer = AdamW(model.optimizedParameters(weightDecay: 0.05), learningRate: 0)
    let views: [any ImageTransform] = [
      ContrastiveView(size: inputSize, isSecond: false),
      ContrastiveView(size: inputSize, isSecond: true),
    ]
    try forEachStep(data, transforms: views, policy: policy) { views, _, step, total in
      let loss = model.loss(views: (views[0], views[1]), step: step)
      update(optimizer, loss, step: step, total: total)
      return loss.item
    }
    return model
  }

  private func update(_ optimizer: AdamW, _ loss: Tensor, step: Int, total: Int) {
    guard loss.item.isFinite else { return }
    loss.backward()
    clipGradientNorm(optimizer.parameters, limit: 5)
    optimizer.learningRate = Float(schedule(totalSteps: total).learningRate(step: step))
    optimizer.step()
    optimizer.clearGradients()
  }
}
