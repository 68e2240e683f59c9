import FileSupport
import Layers
import TensorCore

/// The numbers of a whole network for a task.
public protocol TaskNetworkConfiguration: Sendable, Hashable {
  /// The backbone.
  var backbone: Architecture { get set }
}

/// A whole network for a task, backbone and heads, whose files others open, too.
public protocol TaskNetwork: Module {
  /// What decides which weights fit it.
  associatedtype Configuration: TaskNetworkConfiguration
  /// Builds the network.
  init(_ configuration: Configuration, initializer: Initializer)
  /// The numbers of this network.
  var configuration: Configuration { get }
  /// Classes that it tells apart.
  var classCount: Int { get }
  /// Batch statistics in training, running ones at test.
  func setTraining(_ isTraining: Bool)
  /// Takes over the weights of a backbone; the heads stay as they are.
  ///
  /// - Returns: The tensors that were resized, with both shapes.
  /// - Throws: `CheckpointError` when it is another network; nothing is changed then.
  func takeBackbone(_ loaded: LoadedBackbone) throws(CheckpointError) -> [String]

  /// The name of the network in reports and errors.
  static func name(_ configuration: Configuration) -> String
  /// What a user calls it (`detector`), whose keys these are, and which heads they tell.
  static var file: (kind: String, framework: String, heads: String) { get }
  /// Loads a network.
  ///
  /// - Parameter allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no such network, or does not cover
  ///   it.
  static func load(path: String, allowsPartial: Bool) throws -> LoadedNetwork<Self>
  /// Writes the network as a `.pth` that its framework and `load` open.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  func write(metadata: [(key: String, value: String)], to path: String) throws(FileError)
}

/// A whole network on a backbone in its dense form, whose heads see maps of several sizes.
public protocol DenseTaskNetwork: TaskNetwork {
  /// The backbone, in its dense form; its keys begin with `backbone.`.
  var backbone: any DenseBackbone { get }
  /// The numbers of the network whose weights these are; nil when they are none.
  static func configuration(
    of tensors: [String: StoredTensor], backbone: Architecture
  ) -> Configuration?
}

/// A network with weights from a file, and the account of how they got there.
public struct LoadedNetwork<Network: TaskNetwork> {
  /// The network, in evaluation mode.
  public let network: Network
  /// What became of every key.
  public let report: LoadReport
  /// Numbers and strings that the file holds beside its tensors.
  public let metadata: [String: String]

  /// A network and what is known of it.
  public init(network: Network, report: LoadReport, metadata: [String: String]) {
    (self.network, self.report, self.metadata) = (network, report, metadata)
  }
}

extension DenseTaskNetwork {
  public func takeBackbone(_ loaded: LoadedBackbone) throws(CheckpointError) -> [String] {
    try backbone.takeWeights(of: loaded)
  }

  /// Loads a network; its form, classes and sizes are told by the shapes in the file.
  ///
  /// Backbones in OpenMMLab's own dialect (`backbone.stages.*`) are brought to the Swin authors'
  /// keys and order of merged channels; heads have the same keys in both.
  ///
  /// - Parameter allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no such network, or does not cover
  ///   it.
  public static func load(
    path: String, allowsPartial: Bool = false
  ) throws -> LoadedNetwork<Self> {
    let file = try CheckpointFile(path: path)
    let group = ["state_dict", "model", ""].first { file.groups.contains($0) } ?? file.groups[0]
    var tensors: [String: StoredTensor] = [:]
    var backbone: [String: StoredTensor] = [:]
    var isOpenMMLab = false
    let entries = file.entries.filter { $0.group == group }.map { ($0.key, $0.tensor) }
    do throws(CanonicalWeights.KeyClash) {
      for (key, tensor) in try CanonicalWeights.unwrapped(
        Dictionary(entries, uniquingKeysWith: { first, _ in first }))
      {
        if key.hasPrefix("backbone.") {
          backbone[String(key.dropFirst(9))] = tensor
        } else {
          tensors[key] = tensor
        }
      }
      isOpenMMLab = backbone.keys.contains { $0.hasPrefix("stages.") }
      if isOpenMMLab { backbone = try KeyDialects.fromOpenMMLab(backbone) }
    } catch {
      throw error.refusal(of: path)
    }
    var resolver = ArchitectureResolver(
      path: path, hints: NetworkHints(file), claim: NetworkClaim())
    let read = Architecture(canonical: backbone, layout: .detector)
    let architecture = try read.flatMap { $0.isDense ? $0 : nil }.map {
      try resolver.resolve($0, tensors: backbone, layout: .detector)
    }
    for (key, tensor) in backbone { tensors["backbone." + key] = tensor }
    guard let architecture,
      let configuration = configuration(of: tensors, backbone: architecture)
    else {
      throw CheckpointError(
        path: path, problem: "holds \(tensors.count) tensors but not \(Self.file.heads)",
        remedy: "give a \(Self.file.kind) checkpoint; a backbone goes to --backbone")
    }
    let network = Self(configuration, initializer: .blank)
    var report = LoadReport(
      path: file.path, sha256: file.sha256, format: file.format.rawValue,
      layout: Self.file.framework + (isOpenMMLab ? ", OpenMMLab's backbone" : ""), source: group,
      architecture: name(configuration))
    (report.origins, report.assumptions) = (resolver.origins, resolver.assumptions)
    let alike = file.groups.filter { other in
      other != group
        && file.entries.contains { $0.group == other && $0.key.contains("backbone.") }
    }
    if !alike.isEmpty {
      let names = alike.map { "'\($0)'" }.joined(separator: ", ")
      report.assumptions.append(
        "taken from '\(group)'; \(names) also \(alike.count == 1 ? "holds" : "hold") such a network, "
          + "which is not read")
    }
    report.normalization = resolver.hints.normalization?.value
    report.unread = file.unreadTypes
    try WeightFiller(sources: tensors.mapValues { WeightSource($0) }).fill(
      network, fresh: { Self(configuration, initializer: Initializer(seed: 0)) },
      allowsPartial: allowsPartial, report: &report)
    network.setTraining(false)
    return LoadedNetwork(network: network, report: report, metadata: file.metadata)
  }

  /// Writes the network as a `.pth` that its framework and `load` open.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public func write(
    metadata: [(key: String, value: String)] = [], to path: String
  ) throws(FileError) {
    try TorchWriter.write(
      StateDictionary(self).entries, group: "state_dict",
      metadata: metadata + backbone.architecture.unspokenFacts, to: path)
  }
}

extension Architecture {
  /// What the shapes of its weights do not tell, as files name it.
  var unspokenFacts: [(key: String, value: String)] {
    guard case .visionTransformer(let vit) = self else { return [] }
    return [("num_heads", String(vit.headCount)), ("layer_norm_eps", "\(vit.epsilon)")]
  }
}

extension DenseBackbone {
  /// Takes over the weights of a backbone for classification; the output norms stay as they are.
  ///
  /// Bias tables of another window size are resized. Everything else must agree, the number of
  /// blocks, too: a deeper network of the same shapes is another network.
  ///
  /// - Returns: The tensors that were resized, with both shapes.
  /// - Throws: `CheckpointError` when the backbone is another network; nothing is changed then.
  @discardableResult
  public func takeWeights(of loaded: LoadedBackbone) throws(CheckpointError) -> [String] {
    let remedy = "give a backbone of that network, or its --architecture"
    if let mismatch = loaded.backbone.architecture.mismatch(with: architecture) {
      throw CheckpointError(path: loaded.report.path, problem: mismatch, remedy: remedy)
    }
    var report = LoadReport(
      path: loaded.report.path, sha256: loaded.report.sha256, format: loaded.report.format,
      layout: loaded.report.layout, source: loaded.report.source, architecture: architecture.name)
    let own = Set(parameters.map(\.key))
    let sources = Dictionary(
      (loaded.backbone.parameters + loaded.backbone.buffers).map {
        ($0.key, WeightSource($0.tensor))
      },
      uniquingKeysWith: { first, _ in first })
    // The norms at a network's end belong to its form.
    let filler = WeightFiller(
      sources: sources,
      resizing: { key, source, shape in
        source.resizedBiasTable(key, to: shape)
      },
      sparing: { key in
        key.hasPrefix("norm") && own.contains(key) != (sources[key] != nil)
      }, remedy: remedy)
    try filler.fill(self, fresh: nil, allowsPartial: false, report: &report)
    return report.reshaped
  }
}
