import Foundation
import Testing

/// Paths inside the source tree, for tests that read committed fixtures or optional real data.
public enum SourceTree {
  /// The folder of `Package.swift`.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The path of a committed fixture, for example `fixture("TensorCore/linear.safetensors")`.
  public static func fixture(_ name: String) -> String {
    root.appendingPathComponent("Tests/Fixtures").appendingPathComponent(name).path
  }

  /// The path of anything in the tree, for example `path("Sources")`.
  public static func path(_ name: String) -> String { root.appendingPathComponent(name).path }

  /// Every file under a folder of the tree, by its path from the root, in byte order.
  public static func files(under folder: String) throws -> [String] {
    var isFolder: ObjCBool = false
    return try FileManager.default.subpathsOfDirectory(atPath: path(folder)).sorted()
      .map { folder + "/" + $0 }
      .filter {
        FileManager.default.fileExists(atPath: path($0), isDirectory: &isFolder)
          && !isFolder.boolValue
      }
  }

  /// The lines of a file of the tree.
  public static func lines(of file: String) throws -> [Substring] {
    try String(contentsOfFile: path(file), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// The path of real data kept beside the checkout, or nil where there is none.
  ///
  /// A test that needs it has the trait `.needs(sharedData:)`, so that its absence is a skip in the
  /// output, not a pass.
  public static func sharedData(_ name: String) -> String? {
    let path = root.deletingLastPathComponent().appendingPathComponent("shared/data/\(name)").path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test where real data is not kept beside the checkout.
  public static func needs(sharedData name: String) -> Self {
    .enabled(if: SourceTree.sharedData(name) != nil, "needs ../shared/data/\(name)")
  }

  /// Skips a test where the system has no device that is always full.
  public static var needsFullDevice: Self {
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full")
  }
}

/// A folder that is removed when the value goes away.
public final class TemporaryDirectory {
  /// The folder's path.
  public let path: String

  /// Makes an empty folder under the system's temporary folder.
  public init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("swinbench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  public func file(_ name: String) -> String { path + "/" + name }
}
