import Foundation

/// A segmentor with weights from a file, and the account of how they got there.
public struct LoadedSegmentor {
  /// The segmentor, in evaluation mode.
  public let segmentor: Segmentor
  /// What became of every key.
  public let report: LoadReport
}

/// Reads and writes segmentor checkpoints under mmsegmentation's own keys.
public enum SegmentorFile {
  /// Loads a segmentor; network, classes and sizes are told by the shapes in the file.
  ///
  /// - Parameter allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no such segmentor, or does not
  ///   cover it.
  public static func load(path: String, allowsPartial: Bool = false) throws -> LoadedSegmentor {
    let file = try CheckpointFile(path: path)
    let group = ["state_dict", "model", ""].first { file.groups.contains($0) } ?? file.groups[0]
    var stored: [String: StoredTensor] = [:]
    for entry in file.entries where entry.group == group {
      let key = entry.key.hasPrefix("module.") ? String(entry.key.dropFirst(7)) : entry.key
      stored[key] = entry.tensor
    }
    if stored.keys.contains(where: { $0.hasPrefix("backbone.stages.") }) {
      throw CheckpointError(
        path: path,
        problem: "is a segmentor in OpenMMLab's own dialect, whose merged channels lie in another "
          + "order",
        remedy: "give the file that the Swin authors published")
    }
    guard let configuration = configuration(of: stored) else {
      throw CheckpointError(
        path: path,
        problem:
          "holds \(stored.count) tensors but not the heads of a UPerNet with a Swin backbone",
        remedy: "give a segmentor checkpoint; a backbone goes to --backbone")
    }
    let segmentor = Segmentor(configuration, initializer: .blank)
    var report = LoadReport(
      path: path, sha256: file.sha256, format: file.format.rawValue, layout: "mmsegmentation",
      source: group, architecture: configuration.name)
    var left = stored
    for (key, tensor) in segmentor.parameters + segmentor.buffers {
      guard let source = left.removeValue(forKey: key) else {
        report.missing.append(key)
        continue
      }
      guard source.elementCount == tensor.elementCount else {
        throw CheckpointError(
          path: path,
          problem: "has '\(key)' of shape \(source.shape) where \(configuration.name) needs "
            + "\(tensor.shape)",
          remedy: "give a checkpoint of that segmentor")
      }
      let values = source.floats()
      guard values.allSatisfy(\.isFinite) else {
        throw CheckpointError(
          path: path, problem: "holds numbers in '\(key)' that are not finite",
          remedy: "use a checkpoint from before the training diverged")
      }
      for (index, value) in values.enumerated() { tensor.pointer[index] = value }
      report.matched.append(key)
      report.parameterCount += key.hasSuffix("num_batches_tracked") ? 0 : tensor.elementCount
    }
    for key in left.keys.sorted() {
      if key.hasSuffix("relative_position_index") || key.hasSuffix("attn_mask") {
        report.ignored.append(key)
      } else {
        report.unexpected.append(key)
      }
    }
    guard report.isComplete || allowsPartial else {
      throw CheckpointError(
        path: path,
        problem: "does not cover \(configuration.name): \(report.missing.count) keys missing"
          + (report.missing.first.map { " (\($0)…)" } ?? "")
          + ", \(report.unexpected.count) unexpected"
          + (report.unexpected.first.map { " (\($0)…)" } ?? ""),
        remedy: "give the matching checkpoint, or --allow-partial")
    }
    segmentor.setTraining(false)
    return LoadedSegmentor(segmentor: segmentor, report: report)
  }

  /// Writes a segmentor as a `.pth` under mmsegmentation's keys.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public static func write(
    _ segmentor: Segmentor, metadata: [(key: String, value: String)] = [], to path: String
  ) throws(FileError) {
    try TorchWriter.write(
      StateDictionary(segmentor).entries, group: "state_dict", metadata: metadata, to: path)
  }

  /// The numbers of the segmentor whose weights these are; nil when they are none.
  static func configuration(of tensors: [String: StoredTensor]) -> SegmentorConfiguration? {
    guard let classifier = tensors["decode_head.conv_seg.weight"], classifier.shape.count == 4,
      let auxiliary = tensors["auxiliary_head.conv_seg.weight"], auxiliary.shape.count == 4,
      let backbone = SwinConfiguration(dense: tensors, prefix: "backbone.")
    else { return nil }
    var configuration = SegmentorConfiguration(backbone: backbone, classCount: classifier.shape[0])
    configuration.channels = classifier.shape[1]
    configuration.auxiliaryChannels = auxiliary.shape[1]
    return configuration
  }
}

extension SwinConfiguration {
  /// The numbers of a dense backbone whose weights these are; nil when they are none.
  init?(dense tensors: [String: StoredTensor], prefix: String) {
    guard let patch = tensors[prefix + "patch_embed.proj.weight"]?.shape, patch.count == 4,
      patch[0] > 0
    else { return nil }
    var depths: [Int] = []
    var heads: [Int] = []
    var window = 0
    func table(_ stage: Int, _ block: Int) -> [Int]? {
      tensors["\(prefix)layers.\(stage).blocks.\(block).attn.relative_position_bias_table"]?.shape
    }
    while let shape = table(depths.count, 0) {
      let side = Int(Double(shape[0]).squareRoot().rounded())
      guard shape.count == 2, side * side == shape[0], shape[1] > 0,
        (patch[0] << depths.count) % shape[1] == 0
      else { return nil }
      var depth = 1
      while table(depths.count, depth) != nil { depth += 1 }
      window = (side + 1) / 2
      depths.append(depth)
      heads.append(shape[1])
    }
    guard depths.count == 4 else { return nil }
    self.init(
      embeddingSize: patch[0], depths: depths, headCounts: heads, windowSize: window)
  }
}
