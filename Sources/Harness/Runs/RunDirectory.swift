import Foundation
@_exported import Reporting

/// The folder of one run: what was decided, what happened, and what came out.
///
///     protocol.json   every resolved setting
///     manifest.json   hashes of weights, data and engine
///     records.jsonl   one checksummed line an image, append-only
///     events.jsonl    one line a point of a learning curve
///     result.json     the outcome; its bytes depend on the protocol alone
///     timing.json     what may differ from run to run
public final class RunDirectory {
  /// The folder.
  public let path: String
  private let lock: Int32
  private var files: [String: AppendOnlyFile] = [:]

  /// Opens or makes the folder and locks it against a second process.
  ///
  /// - Throws: `FileError` when it may not be written, or another process has it.
  public init(path: String) throws(FileError) {
    self.path = path
    try AtomicFile.makeFolder(path)
    let lockPath = path + "/.lock"
    lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw FileError(
        path: path, problem: "may not be written by this user",
        remedy: "change its permissions or choose another --output", exitCode: .cannotWrite)
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw FileError(
        path: path, problem: "is in use by another process", remedy: "wait for it or stop it",
        exitCode: .cannotWrite)
    }
  }

  deinit { close(lock) }

  /// Writes a JSON document of the run.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(_ value: JSONValue, to name: String) throws(FileError) {
    try AtomicFile.write(text: value.text(isPretty: true) + "\n", to: path + "/" + name)
  }

  /// Reads a JSON document of the run; nil when it is missing or damaged.
  public func read(_ name: String) -> JSONValue? {
    guard let bytes = try? FileBytes.read(path + "/" + name) else { return nil }
    return JSONValue(parsing: bytes)
  }

  /// Empties a file of lines.
  ///
  /// - Throws: `FileError` when it may not be written.
  public func restart(_ name: String) throws(FileError) {
    files[name] = try AppendOnlyFile(path: path + "/" + name, cutTo: 0)
  }

  /// Appends lines, each with the checksum of its text: `{"crc":"…","row":{…}}`.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func append(_ values: [JSONValue], to name: String) throws(FileError) {
    let file = try opened(name)
    var text = ""
    for value in values { text += Self.line(value) }
    try file.append(text)
  }

  /// Makes sure that appended lines are on disk.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func synchronize(_ name: String) throws(FileError) { try files[name]?.synchronize() }

  private func opened(_ name: String) throws(FileError) -> AppendOnlyFile {
    if let file = files[name] { return file }
    // A line torn by a crash is cut off before the next one follows it.
    let whole = Self.readLines(path + "/" + name).length
    let file = try AppendOnlyFile(path: path + "/" + name, cutTo: whole)
    files[name] = file
    return file
  }

  static func line(_ value: JSONValue) -> String {
    let row = value.text()
    let digits = String(crc32(row), radix: 16)
    let padded = String(repeating: "0", count: 8 - digits.count) + digits
    return "{\"crc\":\"\(padded)\",\"row\":\(row)}\n"
  }

  /// The intact lines of a file, and the length in bytes of that part.
  ///
  /// Reading stops at the first line that is torn or whose checksum is wrong.
  public static func readLines(_ path: String) -> (rows: [JSONValue], length: Int) {
    guard let bytes = try? FileBytes.read(path) else { return ([], 0) }
    var rows: [JSONValue] = []
    var length = 0
    var start = 0
    while let end = bytes[start...].firstIndex(of: 0x0A) {
      let text = String(decoding: bytes[start..<end], as: UTF8.self)
      guard let value = JSONValue(parsing: Array(text.utf8)), let row = value["row"],
        text + "\n" == line(row)
      else { break }
      rows.append(row)
      start = end + 1
      length = start
    }
    return (rows, length)
  }
}
