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
}

/// Finds the backbone in a checkpoint of any known layout and builds it.
public enum BackboneLoader {
  /// Loads a backbone.
  ///
  /// - Parameters:
  ///   - path: A `.pth` or `.safetensors` file.
  ///   - inputSize: Side of the images it will see; decides how position tables are resized.
  ///   - branch: Which network of a self-supervised file.
  ///   - allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no known backbone, or does not
  ///   cover it.
  public static func load(
    path: String, inputSize: Int = 224, branch: CheckpointBranch = .published,
    allowsPartial: Bool = false
  ) throws -> LoadedBackbone {
    let file = try CheckpointFile(path: path)
    // Our own files say which of their networks the method evaluates.
    let own = file.metadata["published_branch"].flatMap(CheckpointBranch.init)
    let branch = branch == .published ? own ?? branch : branch
    let weights = try canonical(file, branch: branch)
    guard
      let architecture = Architecture(canonical: weights.tensors, layout: weights.layout)
    else {
      throw CheckpointError(
        path: path,
        problem: "has weights in the \(weights.layout.rawValue) layout that are neither a whole "
          + "Swin Transformer nor a ViT that is known", remedy: "give a Swin-T or DeiT-S checkpoint"
      )
    }
    if case .visionTransformer(let network) = architecture, inputSize % network.patchSize != 0 {
      throw CheckpointError(
        path: path,
        problem: "has patches of \(network.patchSize) pixels, of which \(inputSize) is no multiple",
        remedy: "choose an --input-size that is", exitCode: .usage)
    }
    let backbone = architecture.makeBackbone(inputSize: inputSize, initializer: .blank)
    var report = LoadReport(
      path: path, sha256: file.sha256, format: file.format.rawValue,
      layout: weights.layout.rawValue,
      source: [weights.group, weights.prefix].filter { !$0.isEmpty }.joined(separator: "/"),
      architecture: architecture.name)
    report.others = weights.others
    report.method = file.metadata["method"]
    if case .visionTransformer(let network) = architecture, !NetworkTable.knows(network) {
      report.assumptions.append(
        "\(network.headCount) heads of \(network.embeddingSize / max(1, network.headCount)) channels "
          + "are assumed; the shapes do not tell")
    }
    let leading = architecture.leadingTokenCount
    // A dense backbone's output norms have no place in a classifier, and no classifier's final
    // norm comes with it; that is reported as missing and unexpected like anything else.
    try WeightFiller(
      sources: weights.tensors.mapValues { WeightSource($0) },
      resizing: { key, source, shape in
        source.resizedBiasTable(key, to: shape)
          ?? source.resizedPositions(key, to: shape, leading: leading)
      }, remedy: "give a checkpoint of that network, or another --input-size"
    ).fill(
      backbone, name: "\(architecture.name) at \(inputSize) pixels",
      fresh: {
        architecture.makeBackbone(inputSize: inputSize, initializer: Initializer(seed: 0))
      }, allowsPartial: allowsPartial, report: &report)
    let head = weights.head.map { head in
      let classes = head.weight.shape[0]
      return (
        weight: head.weight.floats(),
        bias: head.bias?.floats() ?? [Float](repeating: 0, count: classes), classCount: classes
      )
    }
    return LoadedBackbone(backbone: backbone, report: report, head: head)
  }

  private static func canonical(
    _ file: CheckpointFile, branch: CheckpointBranch
  ) throws -> CanonicalWeights {
    var groups: [String: [String: StoredTensor]] = [:]
    for entry in file.entries { groups[entry.group, default: [:]][entry.key] = entry.tensor }
    let preferred: [String] =
      switch branch {
      case .online: ["model", "state_dict", "student", "teacher", ""]
      case .target: CanonicalWeights.targetGroups + ["model", "state_dict", ""]
      case .published: ["model", "state_dict", "teacher", "student", ""]
      }
    let order =
      preferred.filter { groups[$0] != nil } + file.groups.filter { !preferred.contains($0) }
    for group in order {
      guard let entries = groups[group] else { continue }
      let found: CanonicalWeights?
      do throws(CanonicalWeights.KeyClash) {
        found = try CanonicalWeights(group: group, entries: entries, branch: branch)
      } catch {
        throw CheckpointError(
          path: file.path,
          problem: "holds '\(error.wrapped)' beside '\(error.bare)', two networks in one",
          remedy: "keep the keys of one of them")
      }
      guard let found else { continue }
      try check(found, in: file, branch: branch)
      return found
    }
    let examples = file.entries.prefix(3).map(\.key).joined(separator: ", ")
    throw CheckpointError(
      path: file.path,
      problem: "holds \(file.entries.count) tensors but no Swin or ViT backbone (it begins with "
        + "\(examples))",
      remedy: "give a Swin-T or DeiT-S checkpoint")
  }

  /// Refuses a branch that the file does not have, and tensors without elements.
  private static func check(
    _ weights: CanonicalWeights, in file: CheckpointFile, branch: CheckpointBranch
  ) throws(CheckpointError) {
    if branch == .target, !weights.isTarget {
      throw CheckpointError(
        path: file.path,
        problem: "has no target network (momentum encoder, teacher or moving average), only the "
          + "\(weights.layout.rawValue) layout's own",
        remedy: "leave --branch target out, or give the file of the whole pretraining")
    }
    let empty = weights.tensors.filter { $0.value.shape.contains(0) }.keys.min()
    if let empty {
      throw CheckpointError(
        path: file.path,
        problem: "has '\(empty)' of shape \(weights.tensors[empty]?.shape ?? []), without elements")
    }
  }
}
