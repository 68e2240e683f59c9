import Foundation

/// What a finished sample set consists of; the last file to be written.
public struct SampleManifest: Codable, Equatable, Sendable {
  /// One file of the set.
  public struct File: Codable, Equatable, Sendable {
    /// The path below the set's folder.
    public var path: String
    /// The size in bytes.
    public var bytes: Int
    /// The SHA-256 digest, 64 hexadecimal digits.
    public var sha256: String
  }

  /// The name of the file in the set's folder.
  public static let fileName = "sample.json"
  /// Raised whenever the same settings give other bytes.
  public static let currentVersion = 2
  static let generatorName = "SwinBench sample set"

  /// Who made the set.
  public var generator = Self.generatorName
  /// The generator's version.
  public var version = Self.currentVersion
  /// Whether all files are in place.
  public var isComplete: Bool
  /// What was asked for.
  public var settings: SampleSettings
  /// Every file but the manifest, in the order of its path.
  public var files: [File]

  /// The manifest in a folder, or nil where there is none that can be understood.
  static func read(in folder: String) -> SampleManifest? {
    guard let data = FileManager.default.contents(atPath: folder + "/" + fileName),
      let manifest = try? JSONDecoder().decode(SampleManifest.self, from: data),
      manifest.generator == generatorName
    else { return nil }
    return manifest
  }

  /// Whether every file is there with its size.
  func isPresent(in folder: String) -> Bool {
    files.allSatisfy { file in
      var status = stat()
      return stat(folder + "/" + file.path, &status) == 0 && Int(status.st_size) == file.bytes
    }
  }
}

/// JSON whose bytes depend on the values alone.
enum StableJSON {
  static func bytes(_ value: some Encodable, pretty: Bool = false) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
  }
}
