import FileSupport
import Layers

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
    let weights = try TaskWeights(path: path)
    guard let configuration = configuration(of: weights.tensors) else {
      throw CheckpointError(
        path: path,
        problem: "holds \(weights.tensors.count) tensors but not the heads of a Mask R-CNN or "
          + "Cascade Mask R-CNN with a Swin backbone",
        remedy: "give a detector checkpoint; a backbone goes to --backbone")
    }
    let detector = Detector(configuration, initializer: .blank)
    let report = try weights.fill(
      detector, name: configuration.name + ", " + configuration.backbone.name,
      framework: "mmdetection",
      fresh: { Detector(configuration, initializer: Initializer(seed: 0)) },
      allowsPartial: allowsPartial)
    return LoadedDetector(detector: detector, report: report, metadata: weights.file.metadata)
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
      tensors[head + "shared_convs.0.conv.weight"] != nil
        || base.boxHead == .twoLinear
    else { return nil }
    guard let backbone = SwinConfiguration(dense: tensors, prefix: "backbone.") else { return nil }
    var configuration = base
    configuration.backbone = backbone
    if configuration.backbone == .mini {
      configuration = base.miniature(classCount: classifier[0] - 1)
    }
    configuration.classCount = classifier[0] - 1
    configuration.channels = lateral[0]
    configuration.hiddenSize = classifier[1]
    return configuration
  }
}
