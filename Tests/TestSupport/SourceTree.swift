import Foundation

/// Paths inside the source tree, for tests that read committed fixtures or optional real data.
public enum SourceTree {
  /// The folder of `Package.swift`.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The path of a committed fixture, for example `fixture("TensorCore/linear.safetensors")`.
  public static func fixture(_ name: String) -> String {
    root.appendingPathComponent("Tests/Fixtures").appendingPathComponent(name).path
  }

  /// The path of real data kept beside the checkout, or nil where there is none.
  public static func sharedData(_ name: String) -> String? {
    let path = root.deletingLastPathComponent().appendingPathComponent("shared/data/\(name)").path
    return FileManager.default.fileExists(atPath: path) ? path : nil
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
