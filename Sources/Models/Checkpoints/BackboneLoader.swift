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
    guard let architecture = weights.architecture() else {
      throw CheckpointError(
        path: path,
        problem: "has weights in the \(weights.layout.rawValue) layout that are neither a Swin "
          + "Transformer nor a ViT that is known",
        remedy: "give a Swin-T or DeiT-S checkpoint")
    }
    let backbone = architecture.makeBackbone(inputSize: inputSize, initializer: .blank)
    var report = LoadReport(
      path: path, sha256: file.sha256, format: file.format.rawValue,
      layout: weights.layout.rawValue,
      source: [weights.group, weights.prefix].filter { !$0.isEmpty }.joined(separator: "/"),
      architecture: architecture.name)
    report.others = weights.others
    var left = weights.tensors
    for (key, tensor) in backbone.parameters {
      guard let stored = left.removeValue(forKey: key) else {
        report.missing.append(key)
        continue
      }
      if stored.shape == tensor.shape {
        tensor.assign(stored.floats())
        report.matched.append(key)
      } else if let values = reshaped(key, stored, to: tensor.shape, architecture: architecture) {
        tensor.assign(values)
        report.reshaped.append("\(key) \(stored.shape) to \(tensor.shape)")
      } else {
        throw CheckpointError(
          path: path,
          problem: "has '\(key)' of shape \(stored.shape) where \(architecture.name) at "
            + "\(inputSize) pixels needs \(tensor.shape)",
          remedy: "give a checkpoint of that network, or another --input-size")
      }
      report.parameterCount += tensor.elementCount
    }
    // A dense backbone's output norms have no place in a classifier, and no classifier's final
    // norm comes with it; that is reported as missing and unexpected like anything else.
    report.noteLeft(left.keys)
    try verifyFinite(backbone, path)
    if !allowsPartial { try report.requireComplete() }
    if !report.missing.isEmpty {
      let fresh = architecture.makeBackbone(inputSize: inputSize, initializer: Initializer(seed: 0))
      let missing = Set(report.missing)
      for (source, target) in zip(fresh.parameters, backbone.parameters)
      where missing.contains(target.key) { target.tensor.assign(source.tensor) }
    }
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
    let preferred =
      branch == .online
      ? ["model", "state_dict", "student", "teacher", ""]
      : ["model", "state_dict", "teacher", "student", ""]
    let order =
      preferred.filter { groups[$0] != nil } + file.groups.filter { !preferred.contains($0) }
    for group in order {
      guard let entries = groups[group] else { continue }
      if let weights = CanonicalWeights(group: group, entries: entries, branch: branch) {
        return weights
      }
    }
    let examples = file.entries.prefix(3).map(\.key).joined(separator: ", ")
    throw CheckpointError(
      path: file.path,
      problem: "holds \(file.entries.count) tensors but no Swin or ViT backbone (it begins with "
        + "\(examples))",
      remedy: "give a Swin-T or DeiT-S checkpoint")
  }

  /// Position tables of another size, interpolated; nil for anything else.
  private static func reshaped(
    _ key: String, _ stored: StoredTensor, to shape: [Int], architecture: Architecture
  ) -> [Float]? {
    if key.hasSuffix("relative_position_bias_table"), stored.shape.count == 2,
      stored.shape[1] == shape[1]
    {
      let (from, to) = (side(stored.shape[0]), side(shape[0]))
      guard from * from == stored.shape[0], to * to == shape[0] else { return nil }
      return BicubicMaps.resized(
        stored.floats(), rows: from, columns: from, channels: shape[1], toRows: to, toColumns: to)
    }
    guard key == "pos_embed", stored.shape.count == 3, stored.shape[2] == shape[2],
      case .visionTransformer(let configuration) = architecture
    else { return nil }
    let channels = shape[2]
    let leading = configuration.hasDistillationToken ? 2 : 1
    let (from, to) = (side(stored.shape[1] - leading), side(shape[1] - leading))
    guard from * from + leading == stored.shape[1], to * to + leading == shape[1] else {
      return nil
    }
    let values = stored.floats()
    return Array(values.prefix(leading * channels))
      + BicubicMaps.resized(
        Array(values.dropFirst(leading * channels)), rows: from, columns: from, channels: channels,
        toRows: to, toColumns: to)
  }

  private static func side(_ count: Int) -> Int { Int(Double(count).squareRoot().rounded()) }

  private static func verifyFinite(_ backbone: some Backbone, _ path: String) throws {
    for (key, tensor) in backbone.parameters {
      guard tensor.withValues({ $0.allSatisfy(\.isFinite) }) else {
        throw CheckpointError(
          path: path, problem: "holds numbers in '\(key)' that are not finite",
          remedy: "use a checkpoint from before the training diverged")
      }
    }
  }
}
