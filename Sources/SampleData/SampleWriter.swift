import FileSupport
import Foundation
import Geometry
import VisionData

/// Encodes and writes the files of a set, and keeps the list of them.
struct SampleWriter {
  let root: String
  let total: Int
  private(set) var files: [SampleManifest.File] = []

  init(root: String, total: Int) {
    self.root = root
    self.total = total
  }

  mutating func addJPEG(
    _ image: RGBImage, _ quality: Int, _ path: String
  ) throws(SampleSetError) {
    try addEncoded(path) { () throws(ImageError) in try ImageFile.jpeg(image, quality: quality) }
  }

  mutating func addPNG(_ map: LabelMap, _ path: String) throws(SampleSetError) {
    try addEncoded(path) { () throws(ImageError) in try ImageFile.png(map) }
  }

  mutating func addJSON(_ value: some Encodable, _ path: String) throws(SampleSetError) {
    let bytes: [UInt8]
    do {
      bytes = try StableJSON.bytes(value)
    } catch {
      throw .unwritable(path: root + "/" + path, reason: "\(error)")
    }
    try add(bytes, path)
  }

  private mutating func addEncoded(
    _ path: String, by encode: () throws(ImageError) -> [UInt8]
  ) throws(SampleSetError) {
    let bytes: [UInt8]
    do {
      bytes = try encode()
    } catch {
      throw .unwritable(path: root + "/" + path, reason: error.problem)
    }
    try add(bytes, path)
  }

  /// Writes without waiting for the disk: sizes are checked when the set is found again.
  private mutating func add(_ bytes: [UInt8], _ path: String) throws(SampleSetError) {
    let full = root + "/" + path
    do {
      let folder = RelativePath.folder(of: full)
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try Data(bytes).write(to: URL(fileURLWithPath: full))
    } catch {
      throw .unwritable(path: full, reason: systemReason(error))
    }
    files.append(
      SampleManifest.File(
        path: path, bytes: bytes.count, sha256: bytes.withUnsafeBytes { SHA256.digest($0) }))
  }
}

/// The folder of a set: what may be replaced there, and in which order.
struct SampleSetFolder {
  private static let entries = ["classification", "coco", "ade20k"]
  private static let asidePrefix = ".sample-partial-"
  private let path: String

  init(_ path: String) { self.path = path }

  /// Makes sure that nothing would be replaced that is not ours.
  func requireUnoccupied() throws(SampleSetError) {
    for entry in Self.entries where FileManager.default.fileExists(atPath: path + "/" + entry) {
      throw .occupied(path: path, entry: entry)
    }
  }

  /// Makes an empty folder to write into, and removes those of processes that are gone.
  func openAside() throws(SampleSetError) -> String {
    let files = FileManager.default
    for name in (try? files.contentsOfDirectory(atPath: path)) ?? []
    where name.hasPrefix(Self.asidePrefix) {
      let process = Int32(name.dropFirst(Self.asidePrefix.count).prefix { $0 != "-" })
      if let process, kill(process, 0) != 0, errno == ESRCH { remove(path + "/" + name) }
    }
    let aside = path + "/" + Self.asidePrefix + "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    try attempt(aside) {
      try files.createDirectory(atPath: aside, withIntermediateDirectories: true)
    }
    return aside
  }

  /// Moves finished files into place.
  ///
  /// A manifest that says "incomplete" comes first: it marks the folders as ours, so that an
  /// interrupted move is repeated instead of being taken for other data.
  func install(_ aside: String, _ manifest: SampleManifest) throws(SampleSetError) {
    var pending = manifest
    pending.isComplete = false
    pending.files = []
    try write(pending)
    for entry in Self.entries where FileManager.default.fileExists(atPath: aside + "/" + entry) {
      remove(path + "/" + entry)
      try attempt(path + "/" + entry) {
        try FileManager.default.moveItem(
          atPath: aside + "/" + entry, toPath: path + "/" + entry)
      }
    }
    remove(aside)
    try write(manifest)
  }

  func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  private func write(_ manifest: SampleManifest) throws(SampleSetError) {
    let target = path + "/" + SampleManifest.fileName
    try attempt(target) {
      try Data(StableJSON.bytes(manifest, pretty: true)).write(
        to: URL(fileURLWithPath: target), options: .atomic)
    }
  }

  private func attempt(
    _ path: String, _ body: () throws -> Void
  ) throws(SampleSetError) {
    do {
      try body()
    } catch {
      throw .unwritable(path: path, reason: systemReason(error))
    }
  }
}

/// What the system says of a failure, without the sentences that Foundation puts around it.
private func systemReason(_ error: any Error) -> String {
  let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
  for own in [error as NSError, underlying].compactMap({ $0 })
  where own.domain == NSPOSIXErrorDomain {
    return String(cString: strerror(Int32(truncatingIfNeeded: own.code)))
  }
  return error.localizedDescription.replacing("The operation could not be completed. ", with: "")
    .trimmingCharacters(in: CharacterSet(charactersIn: ". "))
}
