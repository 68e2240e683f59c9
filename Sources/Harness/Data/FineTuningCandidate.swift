import CommandLine
import FileSupport
import Foundation
import Models
import Reporting
import SampleData
import TensorCore
import Training
import VisionData

/// What a fine-tuning benchmark compares: a backbone to train on, or a network that is finished.
enum FineTuningCandidate {
  /// A backbone: its file, or nil for fresh weights, and how it was made if the program made it.
  case backbone(title: String, path: String?, note: String?)
  /// A detector or segmentor that is only scored.
  case network(title: String, path: String)

  /// The name in tables.
  var title: String {
    switch self {
    case .backbone(let title, _, _), .network(let title, _): title
    }
  }

  /// The part of a run's folder name that tells it from others.
  var slug: String {
    String(title.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
  }

  /// The candidates that a user named; without any, short random, supervised and MoBY backbones of
  /// the program's own.
  ///
  /// - Parameters:
  ///   - networks: Files of finished networks.
  ///   - backbones: Files of backbones, or `random`.
  ///   - architecture: The network of the program's own backbones.
  ///   - cache: Where they are kept.
  /// - Throws: What making the sample set and training on it throw.
  static func list(
    networks: [String], backbones: [String], architecture: SwinConfiguration, cache: String
  ) throws -> [FineTuningCandidate] {
    if !networks.isEmpty { return networks.map { .network(title: title($0), path: $0) } }
    guard backbones.isEmpty else {
      return backbones.map { name in
        name == "random"
          ? .backbone(title: BackboneMethod.random.title, path: nil, note: nil)
          : .backbone(title: title(name), path: name, note: nil)
      }
    }
    let images = try SampleSet().generate(at: "datasets/sample") { _, _ in }.classificationPath
    let data = try ClassificationData(root: images)
    return try BackboneMethod.allCases.map { method in
      var short = ShortPretraining(method)
      short.architecture = .swin(architecture)
      let path = try short.checkpoint(
        in: cache + "/backbones", data: data, dataName: "sample", policy: .fail)
      return .backbone(title: method.title, path: path, note: short.summary)
    }
  }

  private static func title(_ path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
  }
}

extension SwinTransformer {
  /// Takes over a candidate's weights, if it has a file.
  ///
  /// - Returns: The account of the loading; nil without a file.
  /// - Throws: `CheckpointError` when the file does not fit.
  func takeWeights(
    path: String?, branch: CheckpointBranch, allowsPartial: Bool, isQuiet: Bool
  ) throws -> LoadReport? {
    guard let path else { return nil }
    let loaded = try BackboneLoader.load(path: path, branch: branch, allowsPartial: allowsPartial)
    if !isQuiet { Console.error(loaded.report.summary) }
    try takeWeights(of: loaded)
    return loaded.report
  }
}

extension RunDirectory {
  /// Opens the folder of a result that is still to be made, named by what decides it, and writes
  /// down every setting and hash.
  ///
  /// - Parameter slug: What a person tells the folder by.
  /// - Throws: `FileError` when it may not be written, or another process has it.
  convenience init(
    for result: RunResult, slug: String, key: String, in folder: String
  ) throws(FileError) {
    try self.init(path: "\(folder)/\(result.task)-\(slug)-\(key.prefix(12))")
    try write(.object(result.settings.mapValues { .string($0) }), to: "protocol.json")
    try write(
      .object([
        "backbone": .object(result.backbone.mapValues { .string($0) }),
        "data": .object(result.data.mapValues { .string($0) }),
        "engine": .object([
          "version": .string(Command.version), "blas core": .string(BLAS.coreName),
        ]),
      ]), to: "manifest.json")
  }
}
