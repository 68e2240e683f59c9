import FileSupport
import Foundation
import Models
import Runs

/// What a program compares: a backbone to train on, or a network that is finished.
enum Candidate: Sendable {
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

  /// Fresh weights that nobody named.
  static let fresh = Candidate.backbone(title: "", path: nil, note: nil)

  /// Its file; nil for fresh weights.
  var path: String? {
    switch self {
    case .backbone(_, let path, _): path
    case .network(_, let path): path
    }
  }

  /// Whether it is in a file; fresh weights are not.
  var hasFile: Bool { path != nil }

  /// The part of a run's folder name that tells it from others.
  var slug: String {
    RelativePath.slug(title)
  }

  init(backbone name: String) {
    self =
      name == "random"
      ? .backbone(title: ShortPretraining.freshTitle, path: nil, note: nil)
      : .backbone(title: Self.title(name), path: name, note: nil)
  }

  init(network path: String) { self = .network(title: Self.title(path), path: path) }

  /// The titles by which tables tell candidates apart: with the folder where files are called alike.
  static func distinctTitles(_ candidates: [Candidate]) -> [String] {
    let counts = Dictionary(grouping: candidates, by: \.title).mapValues(\.count)
    let longer = candidates.map { one in
      guard counts[one.title, default: 1] > 1, let path = one.path else { return one.title }
      let folder = RelativePath.folder(of: path).split(separator: "/").last.map(String.init)
      return (folder ?? ".") + "/" + one.title
    }
    let longerCounts = Dictionary(grouping: longer, by: { $0 }).mapValues(\.count)
    return zip(candidates, longer).map { one, title in
      longerCounts[title, default: 1] > 1 ? one.path ?? title : title
    }
  }

  private static func title(_ path: String) -> String {
    ((path as NSString).lastPathComponent as NSString).deletingPathExtension
  }
}
