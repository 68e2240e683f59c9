import CommandLine
import FileSupport

/// What decides the numbers of a run, spelled out, and the hash of it that names the run.
///
/// The document lists settings by name: what a property is called in the source decides nothing,
/// and a result of another version of the engine is another run.
public struct RunKey: Sendable {
  /// Raised when the form of the document changes, and when the same document gives other numbers:
  /// results of older code are not today's.
  public static let schemaVersion = 5

  /// Everything that decides the numbers; kept as `protocol.json`.
  public let document: JSONValue
  /// SHA-256 of the document, in hexadecimal.
  public let digest: String

  /// Spells a protocol out.
  ///
  /// - Parameters:
  ///   - task: What was done: `linear`, `coco`, `ade20k` or `pretraining`.
  ///   - parts: Named settings by what they are about: `backbone`, `data`, `settings`.
  ///   - version: The engine's.
  public init(
    task: String, _ parts: [String: [String: String]], version: String = Command.version
  ) {
    var members = parts.mapValues { JSONValue.object($0.mapValues { .string($0) }) }
    members["schema"] = .integer(Self.schemaVersion)
    members["engine"] = .string(version)
    members["task"] = .string(task)
    let arithmetic = Arithmetic.settings
    if !arithmetic.isEmpty { members["arithmetic"] = .object(arithmetic.mapValues { .string($0) }) }
    document = .object(members)
    digest = SHA256.digest(document.text())
  }

  /// The digest of the same run that stops at an image which cannot be decoded; nil where this one
  /// does so itself, or does not say.
  public var stoppingAtBadImages: String? {
    guard case .object(var members) = document, case .object(var settings)? = members["settings"],
      settings["on-bad-image"] == .string("skip")
    else { return nil }
    settings["on-bad-image"] = .string("fail")
    members["settings"] = .object(settings)
    return SHA256.digest(JSONValue.object(members).text())
  }
}
