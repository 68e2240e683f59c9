import FileSupport
import Layers

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
    let weights = try TaskWeights(path: path)
    guard let configuration = configuration(of: weights.tensors) else {
      throw CheckpointError(
        path: path,
        problem: "holds \(weights.tensors.count) tensors but not the heads of a UPerNet with a "
          + "Swin backbone",
        remedy: "give a segmentor checkpoint; a backbone goes to --backbone")
    }
    let segmentor = Segmentor(configuration, initializer: .blank)
    let report = try weights.fill(
      segmentor, name: configuration.name, framework: "mmsegmentation",
      fresh: { Segmentor(configuration, initializer: Initializer(seed: 0)) },
      allowsPartial: allowsPartial)
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
