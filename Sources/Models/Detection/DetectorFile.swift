import Foundation

/// A detector with weights from a file, and the account of how they got there.
public struct LoadedDetector {
  /// The detector.
  public let detector: Detector
  /// What became of every key.
  public let report: LoadReport
  /// Numbers and strings that the file holds beside its tensors.
  public let metadata: [String: String]
}

/// Reads and writes detector checkpoints under mmdetection's own keys.
public enum DetectorFile {
  /// Loads a detector; its form, classes and sizes are told by the shapes in the file.
  ///
  /// - Parameter allowsPartial: Accepts missing and unexpected keys instead of refusing.
  /// - Throws: `CheckpointError` when the file is damaged, holds no such detector, or does not
  ///   cover it.
  public static func load(path: String, allowsPartial: Bool = false) throws -> LoadedDetector {
    let file = try CheckpointFile(path: path)
    let (group, stored) = try weights(file)
    guard let configuration = configuration(of: stored) else {
      throw CheckpointError(
        path: path,
        problem: "holds \(stored.count) tensors but not the heads of a Mask R-CNN or Cascade Mask "
          + "R-CNN with a Swin backbone",
        remedy: "give a detector checkpoint; a backbone goes to --backbone")
    }
    let detector = Detector(configuration, initializer: .blank)
    var report = LoadReport(
      path: path, sha256: file.sha256, format: file.format.rawValue, layout: "mmdetection",
      source: group, architecture: configuration.name + ", " + configuration.backbone.name)
    var left = stored
    for (key, tensor) in detector.parameters + detector.buffers {
      guard let source = left.removeValue(forKey: key) else {
        report.missing.append(key)
        continue
      }
      guard source.shape == tensor.shape else {
        throw CheckpointError(
          path: path,
          problem: "has '\(key)' of shape \(source.shape) where \(configuration.name) needs "
            + "\(tensor.shape)",
          remedy: "give a checkpoint of that detector")
      }
      try fill(tensor, source.floats(), key, path)
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
        remedy: "give the matching checkpoint, or --allow-partial to start the rest at random")
    }
    if !report.missing.isEmpty {
      let fresh = Detector(configuration, initializer: Initializer(seed: 0))
      let missing = Set(report.missing)
      for (source, target) in zip(fresh.parameters, detector.parameters)
      where missing.contains(target.key) {
        target.tensor.pointer.update(from: source.tensor.pointer, count: target.tensor.elementCount)
      }
    }
    return LoadedDetector(detector: detector, report: report, metadata: file.metadata)
  }

  /// Writes a detector as a `.pth` that mmdetection and this loader open.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public static func write(
    _ detector: Detector, metadata: [(key: String, value: String)] = [], to path: String
  ) throws(FileError) {
    try TorchWriter.write(
      StateDictionary(detector).entries, group: "state_dict", metadata: metadata, to: path)
  }

  /// The state dictionary without a leading `module.`.
  private static func weights(
    _ file: CheckpointFile
  ) throws -> (group: String, tensors: [String: StoredTensor]) {
    let group = ["state_dict", "model", ""].first { file.groups.contains($0) } ?? file.groups[0]
    let entries = file.entries.filter { $0.group == group }
    let prefix = entries.first?.key.hasPrefix("module.") == true ? "module." : ""
    var tensors: [String: StoredTensor] = [:]
    for entry in entries where entry.key.hasPrefix(prefix) {
      tensors[String(entry.key.dropFirst(prefix.count))] = entry.tensor
    }
    return (group, tensors)
  }

  /// The numbers of the detector whose weights these are; nil when they are none.
  static func configuration(of tensors: [String: StoredTensor]) -> DetectorConfiguration? {
    func shape(_ key: String, _ rank: Int) -> [Int]? {
      tensors[key].map(\.shape).flatMap { $0.count == rank ? $0 : nil }
    }
    let isCascade = tensors["roi_head.bbox_head.0.fc_cls.weight"] != nil
    let base: DetectorConfiguration = isCascade ? .cascadeMaskRCNN : .maskRCNN
    let head = isCascade ? "roi_head.bbox_head.0." : "roi_head.bbox_head."
    guard let classifier = shape(head + "fc_cls.weight", 2), classifier[0] > 1,
      let lateral = shape("neck.lateral_convs.0.conv.weight", 4),
      let patch = shape("backbone.patch_embed.proj.weight", 4),
      tensors[head + "shared_convs.0.conv.weight"] != nil
        || base.boxHead == .twoLinear
    else { return nil }
    var depths: [Int] = []
    var heads: [Int] = []
    var window = 0
    while let table = shape(
      "backbone.layers.\(depths.count).blocks.0.attn.relative_position_bias_table", 2)
    {
      let stage = "backbone.layers.\(depths.count).blocks."
      var depth = 1
      while tensors["\(stage)\(depth).attn.relative_position_bias_table"] != nil { depth += 1 }
      let side = Int(Double(table[0]).squareRoot().rounded())
      guard side * side == table[0], table[1] > 0 else { return nil }
      window = (side + 1) / 2
      depths.append(depth)
      heads.append(table[1])
    }
    guard depths.count == 4, patch[0] > 0,
      heads.enumerated().allSatisfy({ (patch[0] << $0) % $1 == 0 })
    else { return nil }
    var configuration = base
    configuration.backbone = SwinConfiguration(
      embeddingSize: patch[0], depths: depths, headCounts: heads, windowSize: window)
    if configuration.backbone == .mini {
      configuration = base.miniature(classCount: classifier[0] - 1)
    }
    configuration.classCount = classifier[0] - 1
    configuration.channels = lateral[0]
    configuration.hiddenSize = classifier[1]
    return configuration
  }

  private static func fill(
    _ tensor: Tensor, _ values: [Float], _ key: String, _ path: String
  ) throws(CheckpointError) {
    guard values.allSatisfy(\.isFinite) else {
      throw CheckpointError(
        path: path, problem: "holds numbers in '\(key)' that are not finite",
        remedy: "use a checkpoint from before the training diverged")
    }
    for (index, value) in values.enumerated() { tensor.pointer[index] = value }
  }
}
