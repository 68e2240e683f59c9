import Layers
import TensorCore

/// The tensors of a file that holds a whole network for a task, backbone and heads.
///
/// Backbones in OpenMMLab's own dialect (`backbone.stages.*`) are brought to the Swin authors' keys
/// and order of merged channels; heads have the same keys in both.
struct TaskWeights {
  /// The file.
  let file: CheckpointFile
  /// The dictionary of the file that was taken.
  let group: String
  /// The tensors by their keys, without a runner's `module.`.
  let tensors: [String: StoredTensor]
  /// How the backbone's keys are named.
  let dialect: String?

  /// Reads a file.
  ///
  /// - Throws: `CheckpointError` when it is damaged.
  init(path: String) throws {
    let file = try CheckpointFile(path: path)
    let group = ["state_dict", "model", ""].first { file.groups.contains($0) } ?? file.groups[0]
    let prefix = "module."
    var tensors: [String: StoredTensor] = [:]
    for entry in file.entries where entry.group == group {
      let key = entry.key.hasPrefix(prefix) ? String(entry.key.dropFirst(prefix.count)) : entry.key
      tensors[key] = entry.tensor
    }
    let isOpenMMLab = tensors.keys.contains { $0.hasPrefix("backbone.stages.") }
    if isOpenMMLab {
      var backbone: [String: StoredTensor] = [:]
      for (key, tensor) in tensors where key.hasPrefix("backbone.") {
        backbone[String(key.dropFirst("backbone.".count))] = tensor
        tensors[key] = nil
      }
      for (key, tensor) in CanonicalWeights.fromOpenMMLab(backbone) {
        tensors["backbone." + key] = tensor
      }
    }
    self.file = file
    self.group = group
    self.tensors = tensors
    dialect = isOpenMMLab ? "OpenMMLab's backbone" : nil
  }

  /// Fills a network with the file's numbers.
  ///
  /// - Parameters:
  ///   - name: The network's name, for the report and in errors.
  ///   - framework: Whose keys these are.
  ///   - fresh: The same network with random weights, which keys that the file lacks keep.
  ///   - allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Returns: What became of every key.
  /// - Throws: `CheckpointError` when a shape differs, a number is not finite, or the file does not
  ///   cover the network.
  func fill<Network: Module>(
    _ network: Network, name: String, framework: String, fresh: () -> Network, allowsPartial: Bool
  ) throws(CheckpointError) -> LoadReport {
    var report = LoadReport(
      path: file.path, sha256: file.sha256, format: file.format.rawValue,
      layout: [framework, dialect].compactMap { $0 }.joined(separator: ", "), source: group,
      architecture: name)
    var left = tensors
    for (key, tensor) in network.parameters + network.buffers {
      guard let source = left.removeValue(forKey: key) else {
        report.missing.append(key)
        continue
      }
      guard source.shape == tensor.shape || source.elementCount == 1 && tensor.elementCount == 1
      else {
        throw CheckpointError(
          path: file.path,
          problem: "has '\(key)' of shape \(source.shape) where \(name) needs \(tensor.shape)",
          remedy: "give a checkpoint of that network")
      }
      let values = source.floats()
      guard values.allSatisfy(\.isFinite) else {
        throw CheckpointError(
          path: file.path, problem: "holds numbers in '\(key)' that are not finite",
          remedy: "use a checkpoint from before the training diverged")
      }
      tensor.assign(values)
      report.matched.append(key)
      report.parameterCount += key.hasSuffix("num_batches_tracked") ? 0 : tensor.elementCount
    }
    report.noteLeft(left.keys)
    if !allowsPartial { try report.requireComplete() }
    if !report.missing.isEmpty {
      let missing = Set(report.missing)
      for (source, target) in zip(fresh().parameters, network.parameters)
      where missing.contains(target.key) {
        target.tensor.assign(source.tensor)
      }
    }
    return report
  }
}
