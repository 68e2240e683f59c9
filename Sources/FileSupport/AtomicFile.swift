import Foundation
import Synchronization

/// Writes files so that a reader sees the old bytes or the new ones, never a part.
public enum AtomicFile {
  /// Writes beside the file, flushes to disk and renames over it.
  ///
  /// Missing folders on the way are made.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(FileError) {
    try write(to: path) { (writer: inout Writer) throws(FileError) in
      try writer.append(Array(bytes))
    }
  }

  /// Writes text as UTF-8.
  ///
  /// - Throws: `FileError` when the disk is full or the place may not be written.
  public static func write(text: String, to path: String) throws(FileError) {
    try write(Array(text.utf8), to: path)
  }

  /// Writes piece by piece; nothing is left behind when `body` throws.
  ///
  /// A link is followed, and the file that it names is replaced. A device or a pipe, such as
  /// `/dev/stdout`, is never replaced: it gets the bytes as they come.
  ///
  /// - Throws: What `body` throws, or `FileError`.
  public static func write(
    to path: String, _ body: (inout Writer) throws(FileError) -> Void
  ) throws(FileError) {
    guard !FileWriting.isOff else { return }
    var info = stat()
    if stat(path, &info) == 0 {
      // What is printed goes on into a file that standard output already is.
      let own = [STDOUT_FILENO, STDERR_FILENO].first { isSame($0, info) }
      if own != nil || ![S_IFREG, S_IFDIR].contains(info.st_mode & S_IFMT) {
        return try stream(to: path, own, body)
      }
    }
    let path = try followed(path)
    let folder = RelativePath.folder(of: path)
    if !folder.isEmpty { try makeFolder(folder) }
    sweep(folder.isEmpty ? "." : folder)
    let aside = path + mark + "\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let descriptor = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.system(path, doing: "write", code: errno) }
    var writer = Writer(path: path, descriptor: descriptor)
    do throws(FileError) {
      try body(&writer)
      guard fsync(descriptor) == 0 else {
        throw FileError.system(path, doing: "write", code: errno)
      }
    } catch {
      close(descriptor)
      unlink(aside)
      throw error
    }
    guard close(descriptor) == 0, rename(aside, path) == 0 else {
      let code = errno
      unlink(aside)
      throw FileError.system(path, doing: "write", code: code)
    }
    // The rename itself is on disk only when its folder is.
    let parent = open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
    if parent >= 0 {
      fsync(parent)
      close(parent)
    }
  }

  private static func isSame(_ descriptor: Int32, _ info: stat) -> Bool {
    var other = stat()
    return fstat(descriptor, &other) == 0 && other.st_dev == info.st_dev
      && other.st_ino == info.st_ino
  }

  /// Writes into what is no file, or through a descriptor that is open.
  private static func stream(
    to path: String, _ own: Int32?, _ body: (inout Writer) throws(FileError) -> Void
  ) throws(FileError) {
    let descriptor = own.map { dup($0) } ?? open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError.system(path, doing: "write", code: errno) }
    defer { close(descriptor) }
    var writer = Writer(path: path, descriptor: descriptor)
    try body(&writer)
  }

  /// The path that links lead to; the path itself where it is none.
  private static func followed(_ path: String) throws(FileError) -> String {
    var path = path
    // As many as the system follows.
    for _ in 0..<40 {
      var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      let length = readlink(path, &target, Int(PATH_MAX))
      guard length >= 0 else { return path }
      let name = String(decoding: target.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
      let folder = RelativePath.folder(of: path)
      path = name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
    }
    throw .system(path, doing: "write", code: ELOOP)
  }

  // Between a file's name and the process that writes it aside; the machine is part of it, because
  // folders may be shared, and numbers of processes say nothing on another machine.
  private static let mark = {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let bytes = name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    return ".partial-\(String(bytes.withUnsafeBytes { crc32($0) }, radix: 16))-"
  }()

  private static let swept = Mutex<Set<String>>([])

  /// Removes what killed processes of this machine were writing aside in a folder; each process
  /// looks once.
  private static func sweep(_ folder: String) {
    guard swept.withLock({ $0.insert(folder).inserted }) else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let range = name.range(of: mark),
        let process = Int32(name[range.upperBound...].prefix { $0 != "-" }), process > 0,
        kill(process, 0) != 0, errno == ESRCH
      else { continue }
      unlink(folder + "/" + name)
    }
  }

  /// Makes a folder and those above it.
  ///
  /// - Throws: `FileError` when one of them cannot be made.
  public static func makeFolder(_ path: String) throws(FileError) {
    guard !FileWriting.isOff else { return }
    if mkdir(path, 0o755) == 0 || errno == EEXIST {
      var info = stat()
      guard stat(path, &info) == 0 else { throw .system(path, doing: "write", code: errno) }
      guard info.st_mode & S_IFMT == S_IFDIR else {
        throw FileError(
          path: path, problem: "is a file where a folder is needed",
          remedy: "move it away or choose another place", exitCode: .cannotWrite)
      }
      return
    }
    guard errno == ENOENT else { throw .system(path, doing: "write", code: errno) }
    let parent = RelativePath.folder(of: path)
    guard !parent.isEmpty, parent != path else { throw .system(path, doing: "write", code: ENOENT) }
    try makeFolder(parent)
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw .system(path, doing: "write", code: errno)
    }
  }

  /// An open file that is not yet under its name.
  public struct Writer {
    let path: String
    let descriptor: Int32
    /// Bytes written so far.
    public private(set) var count = 0

    init(path: String, descriptor: Int32) {
      self.path = path
      self.descriptor = descriptor
    }

    /// Appends bytes.
    ///
    /// - Throws: `FileError` when the disk is full.
    public mutating func append(_ bytes: [UInt8]) throws(FileError) {
      let code = bytes.withUnsafeBytes { writeAll($0, descriptor) }
      guard code == 0 else { throw .system(path, doing: "write", code: code) }
      count += bytes.count
    }

    /// Appends the bytes of an array of plain values.
    ///
    /// - Throws: `FileError` when the disk is full.
    public mutating func append(_ floats: [Float]) throws(FileError) {
      let code = floats.withUnsafeBytes { writeAll($0, descriptor) }
      guard code == 0 else { throw .system(path, doing: "write", code: code) }
      count += floats.count * MemoryLayout<Float>.stride
    }
  }
}

/// Writes everything; returns 0 or the error code.
func writeAll(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32) -> Int32 {
  var at = 0
  while at < bytes.count {
    let put = Foundation.write(descriptor, bytes.baseAddress.map { $0 + at }, bytes.count - at)
    if put < 0, errno == EINTR { continue }
    if put < 0 { return errno }
    at += put
  }
  return 0
}

/// A file that only grows, one line at a time; each line reaches the system whole.
public final class AppendOnlyFile {
  private let path: String
  // Negative where nothing is written.
  private let descriptor: Int32

  /// Opens the file at its end, making it if needed.
  ///
  /// - Parameter length: Cuts the file to this length first (a torn last line).
  /// - Throws: `FileError` when it cannot be opened for writing.
  public init(path: String, cutTo length: Int? = nil) throws(FileError) {
    self.path = path
    guard !FileWriting.isOff else {
      descriptor = -1
      return
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(path, doing: "write", code: errno) }
    if let length, ftruncate(descriptor, off_t(length)) != 0 {
      throw .system(path, doing: "write", code: errno)
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Appends text.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func append(_ text: String) throws(FileError) {
    guard descriptor >= 0 else { return }
    let code = Array(text.utf8).withUnsafeBytes { writeAll($0, descriptor) }
    guard code == 0 else { throw .system(path, doing: "write", code: code) }
  }

  /// Flushes to disk.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func synchronize() throws(FileError) {
    guard descriptor < 0 || fsync(descriptor) == 0 else {
      throw .system(path, doing: "write", code: errno)
    }
  }
}
