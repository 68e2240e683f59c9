import FileSupport
import Foundation
import Layers
import TensorCore

/// A backbone with weights from a file, and the account of how they got there.
public struct LoadedBackbone {
  /// The network, in evaluation mode.
  public let backbone: any Backbone
  /// What became of every key.
  public let report: LoadReport
  /// The file's classifier, `[K, D]` and `[K]`, when it has one.
  public let head: (weight: [Float], bias: [Float], classCount: Int)?
  /// Why the classifier may not be used, where its numbers are none of a trained network.
  let headFault: CheckpointError?
}

/// Finds the backbone in a checkpoint of any known layout and builds it.
public enum BackboneLoader {
  /// Loads a backbone.
  ///
  /// - Parameters:
  ///   - path: A `.pth` or `.safetensors` file.
  ///   - inputSize: Side of the images it will see; decides how position tables are resized.
  ///   - branch: Which network of a self-supervised file.
  ///   - claim: What the user says of the network.
  ///   - allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no known backbone, leaves open
  ///   what it computes, or does not cover it.
  public static func load(
    path: String, inputSize: Int = 224, branch: CheckpointBranch = .published,
    claim: NetworkClaim = NetworkClaim(), allowsPartial: Bool = false
  ) throws -> LoadedBackbone {
    let file = try CheckpointFile(path: path)
    // Our own files say which of their networks the method evaluates.
    let own = file.metadata["published_branch"].flatMap(CheckpointBranch.init)
    let weights = try canonical(file, branch: branch == .published ? own ?? branch : branch)
    let read = try architecture(of: weights, in: path, inputSize: inputSize)
    let hints = NetworkHints(file)
    var resolver = ArchitectureResolver(path: path, hints: hints, claim: claim)
    let architecture = try resolver.resolve(
      read, tensors: weights.tensors, layout: weights.layout)
    try checkCoverage(architecture, by: weights, in: path)
    let backbone = architecture.makeBackbone(inputSize: inputSize, initializer: .blank)
    var report = LoadReport(
      path: path, sha256: file.sha256, format: file.format.rawValue,
      layout: weights.layout.rawValue,
      source: [weights.group, weights.prefix].filter { !$0.isEmpty }.joined(separator: "/"),
      architecture: architecture.name)
    report.others = weights.others
    report.unread = file.unreadTypes
    report.method = file.metadata["method"]
    (report.origins, report.assumptions) = (resolver.origins, resolver.assumptions)
    if let choice = weights.choice { report.assumptions.append(choice) }
    if !weights.passedOver.isEmpty {
      report.assumptions.append(
        "\(weights.passedOver.joined(separator: ", ")) also holds such a network, which is not read"
      )
    }
    report.normalization = hints.normalization?.value
    let leading = architecture.leadingTokenCount
    // A dense backbone's output norms have no place in a classifier, and no classifier's final
    // norm comes with it; that is reported as missing and unexpected like anything else.
    try WeightFiller(
      sources: weights.tensors.mapValues { WeightSource($0) },
      resizing: { key, source, shape in
        source.resizedBiasTable(key, to: shape)
          ?? source.resizedPositions(key, to: shape, leading: leading)
      }, tables: ["relative_position_bias_table", "pos_embed"]
    ).fill(
      backbone, name: "\(architecture.name) at \(inputSize) pixels",
      fresh: {
        architecture.makeBackbone(inputSize: inputSize, initializer: Initializer(seed: 0))
      }, allowsPartial: allowsPartial, report: &report)
    var headFault: CheckpointError?
    let head = weights.head.map { head in
      let (classes, weight) = (head.weight.shape[0], head.weight.floats())
      let bias = head.bias?.floats()
      do throws(CheckpointError) {
        try WeightSource(head.weight).check(weight, of: "head.weight", in: path)
        if let stored = head.bias, let bias {
          try WeightSource(stored).check(bias, of: "head.bias", in: path)
        }
      } catch { headFault = error }
      return (
        weight: weight, bias: bias ?? [Float](repeating: 0, count: classes), classCount: classes
      )
    }
    return LoadedBackbone(backbone: backbone, report: report, head: head, headFault: headFault)
  }

  /// The backbone of a branch under the official keys.
  private static func canonical(
    _ file: CheckpointFile, branch: CheckpointBranch
  ) throws(CheckpointError) -> CanonicalWeights {
    var groups: [String: [String: StoredTensor]] = [:]
    for entry in file.entries { groups[entry.group, default: [:]][entry.key] = entry.tensor }
    var sites: [BackboneSite] = []
    for group in file.groups {
      do throws(CanonicalWeights.KeyClash) {
        groups[group] = try CanonicalWeights.unwrapped(groups[group] ?? [:])
      } catch {
        throw error.refusal(of: file.path)
      }
      sites += BackboneSite.all(in: group, groups[group] ?? [:])
    }
    guard !sites.isEmpty else {
      let examples = file.entries.prefix(3).map(\.key).joined(separator: ", ")
      throw CheckpointError(
        path: file.path,
        problem: "holds \(file.entries.count) tensors but no Swin or ViT backbone (it begins with "
          + "\(examples))",
        remedy: "give the checkpoint of a Swin, DeiT or ViT")
    }
    let found = sites.site(branch)
    guard let site = found.first else {
      let places = sites.map(\.place).joined(separator: ", ")
      throw CheckpointError(
        path: file.path,
        problem: branch == .target
          ? "has no target network (momentum encoder, teacher or moving average), only \(places)"
          : "has no online network, only the moving average \(places)",
        remedy: "leave --branch \(branch.rawValue) out, or give the file of the whole pretraining")
    }
    guard areCopies(found, in: groups) else {
      throw CheckpointError(
        path: file.path,
        problem: "holds \(found.count) networks that may be meant: "
          + found.map(\.place).joined(separator: " and "),
        remedy: "keep the keys of one of them")
    }
    var weights: CanonicalWeights
    do throws(CanonicalWeights.KeyClash) {
      weights = try CanonicalWeights(site, entries: groups[site.group] ?? [:])
    } catch {
      throw error.refusal(of: file.path)
    }
    let empty = weights.tensors.filter { $0.value.shape.contains(0) }.keys.min()
    if let empty {
      throw CheckpointError(
        path: file.path,
        problem: "has '\(empty)' of shape \(weights.tensors[empty]?.shape ?? []), without elements")
    }
    if let part = weights.foreignPart {
      throw CheckpointError(
        path: file.path,
        problem:
          "has '\(part)': it is \(CanonicalWeights.network(of: part)), which is not built here",
        remedy: "give a plain Swin or ViT")
    }
    weights.passedOver = sites.passedOver(branch)
    if let other = sites.otherBranch(than: branch) {
      let (own, rest) =
        other.branch == .target
        ? ("the weights as trained", "their moving average")
        : ("the moving average", "the weights as trained")
      weights.choice =
        "taken from \(site.level), \(own); \(rest) is in \(other.places.joined(separator: ", ")), "
        + "which --branch \(other.branch.rawValue) takes"
    }
    return weights
  }

  /// Whether networks are one that is kept under several names, with the same numbers.
  private static func areCopies(
    _ sites: [BackboneSite], in groups: [String: [String: StoredTensor]]
  ) -> Bool {
    guard sites.count > 1 else { return true }
    let networks = sites.map { site -> [String: StoredTensor] in
      let own = (groups[site.group] ?? [:]).filter { $0.key.hasPrefix(site.prefix) }
      return Dictionary(
        uniqueKeysWithValues: own.map { (String($0.key.dropFirst(site.prefix.count)), $0.value) })
    }
    return networks.dropFirst().allSatisfy { copy in
      copy.count == networks[0].count
        && networks[0].allSatisfy { key, tensor in copy[key]?.holdsSame(as: tensor) == true }
    }
  }

  /// The network by its shapes.
  private static func architecture(
    of weights: CanonicalWeights, in path: String, inputSize: Int
  ) throws(CheckpointError) -> Architecture {
    guard
      let read = Architecture(
        canonical: weights.tensors, layout: weights.layout, scalesLayers: weights.scalesLayers)
    else {
      throw CheckpointError(
        path: path,
        problem: "has weights in the \(weights.layout.rawValue) layout that are neither a whole "
          + "Swin Transformer nor a ViT that is known",
        remedy: "give the checkpoint of a Swin, DeiT or ViT")
    }
    guard case .visionTransformer(let network) = read else { return read }
    guard inputSize % network.patchSize == 0 else {
      throw CheckpointError(
        path: path,
        problem: "has patches of \(network.patchSize) pixels, of which \(inputSize) is no multiple",
        remedy: "choose an --input-size (bench-ade20k: --crop-size) that is", exitCode: .usage)
    }
    guard inputSize / network.patchSize <= 256 else {
      throw CheckpointError(
        path: path,
        problem: "has patches of \(network.patchSize) pixels; \(inputSize) make more than 65,536",
        remedy: "choose a smaller --input-size", exitCode: .usage)
    }
    return read
  }

  /// Refuses a file that holds next to nothing of a network, before memory is taken for it.
  private static func checkCoverage(
    _ architecture: Architecture, by weights: CanonicalWeights, in path: String
  ) throws(CheckpointError) {
    let held = weights.tensors.values.reduce(0.0) { $0 + Double($1.elementCount) }
    guard architecture.weightCount > 4 * held + 1e6 else { return }
    throw CheckpointError(
      path: path,
      problem: "names blocks of a network of \(Int(architecture.weightCount)) numbers and holds "
        + "\(Int(held)) of them", remedy: "give the whole checkpoint")
  }
}
