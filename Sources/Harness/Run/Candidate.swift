import CommandLine
import Foundation
import Inspection
import Loading
import Models
import Runs
import SampleData
import VisionData

/// What a program compares: a backbone to train on, or a network that is finished.
enum Candidate {
  /// A backbone: its file, or nil for fresh weights, and how it was made if the program made it.
  case backbone(title: String, path: String?, note: String?)
  /// A detector or segmentor.
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

  init(backbone name: String) {
    self =
      name == "random"
      ? .backbone(title: ShortPretraining.freshTitle, path: nil, note: nil)
      : .backbone(title: Self.title(name), path: name, note: nil)
  }

  init(network path: String) { self = .network(title: Self.title(path), path: path) }

  private static func title(_ path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
  }
}

extension RunContext {
  /// The candidates that a user named; without any, short random, supervised and MoBY backbones of
  /// the program's own.
  ///
  /// - Parameters:
  ///   - data: What the program's own backbones learn from; nil is the sample set.
  ///   - configure: Sets their network, size and length.
  /// - Throws: What making the sample set and training on it throw.
  func candidates(
    networks: [String] = [], backbones: [String],
    data: (images: ClassificationData, name: String)? = nil,
    configure: (inout ShortPretraining) -> Void
  ) throws -> [Candidate] {
    if !networks.isEmpty { return networks.map { Candidate(network: $0) } }
    if !backbones.isEmpty { return backbones.map { Candidate(backbone: $0) } }
    let (images, name) =
      try data ?? (ClassificationData(root: SampleSet.made(\.classificationPath)), "sample")
    return try ShortPretraining.usual.map { method in
      var short = ShortPretraining(method)
      configure(&short)
      let path = try short.checkpoint(
        in: options.cache + "/backbones", data: images, dataName: name,
        policy: self.data.onBadImage, digests: digests, restarts: options.restarts)
      return .backbone(title: short.title, path: path, note: short.summary)
    }
  }
}
