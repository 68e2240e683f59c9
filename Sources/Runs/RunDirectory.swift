import CommandLine
import FileSupport
import Foundation

/// The folder of one run: what was decided, what happened, and what came out.
///
///     protocol.json   everything that decides the numbers; its hash names the folder
///     manifest.json   hashes of weights, data and engine
///     records.jsonl   one checksummed line an image, append-only
///     knn.jsonl       the same for nearest neighbours, where there are any
///     bbox.matches    what detections were matched to, for resampling; the same for segm
///     images.json     where the images lie, for galleries
///     gallery/        pictures of single images, `<index>.png`, where a task draws them
///     events.jsonl    one line a point of a learning curve
///     result.json     the outcome; its bytes depend on the protocol alone
///     timing.json     what may differ from run to run: seconds, command line
public final class RunDirectory {
  /// The folder.
  public let path: String
  private let lock: FolderLock
  private var files: [String: AppendOnlyFile] = [:]

  /// Opens or makes the folder and locks it against a second process.
  ///
  /// - Throws: `FileError` when it may not be written, or another process has it.
  public init(path: String) throws(FileError) {
    self.path = path
    try AtomicFile.makeFolder(path)
    lock = try FolderLock(folder: path)
    removeLeftovers()
  }

  /// Removes what a killed run was writing aside; the lock says that nobody writes it now.
  private func removeLeftovers() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    for name in names where name.contains(".partial-") { FileWriting.remove(path + "/" + name) }
  }

  /// Writes a JSON document of the run.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(_ value: JSONValue, to name: String) throws(FileError) {
    try AtomicFile.write(text: value.text(isPretty: true) + "\n", to: path + "/" + name)
  }

  /// Removes every file of the run, so that it begins again.
  ///
  /// - Throws: `FileError` when one may not be removed.
  public func clear() throws(FileError) {
    files = [:]
    guard !FileWriting.isOff else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    where name != FolderLock.fileName {
      do {
        try FileManager.default.removeItem(atPath: path + "/" + name)
      } catch {
        throw FileError(
          path: path + "/" + name, problem: "may not be removed", remedy: "change its permissions",
          exitCode: .cannotWrite)
      }
    }
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

  /// Writes a file of lines anew, group by group, and makes sure that it is on disk.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func rewrite(
    _ name: String, with groups: some Sequence<[JSONValue]>
  ) throws(FileError) {
    try restart(name)
    for group in groups { try append(group, to: name) }
    try synchronize(name)
  }

  /// Cuts a file of lines after some rows; a file that does not exist has none and stays away.
  ///
  /// - Throws: `FileError` when it may not be read or written.
  public func cut(_ name: String, after rowCount: Int) throws(FileError) {
    let file = path + "/" + name
    files[name] = nil
    guard FileManager.default.fileExists(atPath: file) else { return }
    let bytes = try FileBytes.read(file)
    var end = 0
    for _ in 0..<rowCount {
      guard let newline = bytes[end...].firstIndex(of: UInt8(ascii: "\n")) else { break }
      end = newline + 1
    }
    files[name] = try AppendOnlyFile(path: file, cutTo: end)
  }

  /// Appends lines, each with the checksum of its text: `{"crc":"…","row":{…}}`.
  ///
  /// - Throws: `FileError` when the disk is full, or the file is damaged before its last line.
  public func append(_ values: [JSONValue], to name: String) throws(FileError) {
    try open(name).append(values.map(RecordLines.line).joined())
  }

  /// The rows of a file of lines; none when there is no such file.
  ///
  /// A torn last line is left out.
  ///
  /// - Throws: `FileError` when the file is damaged before its last line.
  public func rows(_ name: String) throws(FileError) -> [JSONValue] {
    try Self.rows(path + "/" + name)
  }

  /// The rows of a file of lines, for readers that do not take the run's lock.
  ///
  /// - Throws: `FileError` when the file is damaged before its last line.
  public static func rows(_ path: String) throws(FileError) -> [JSONValue] {
    try RecordLines.read(path).rows
  }

  /// Makes sure that appended lines are on disk.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func synchronize(_ name: String) throws(FileError) { try files[name]?.synchronize() }

  private func open(_ name: String) throws(FileError) -> AppendOnlyFile {
    if let file = files[name] { return file }
    // A line torn by a crash is cut off before the next one follows it.
    let length = try RecordLines.read(path + "/" + name).length
    let file = try AppendOnlyFile(path: path + "/" + name, cutTo: length)
    files[name] = file
    return file
  }
}
