import Foundation

/// The bytes of a file, mapped into memory: reading touches only the pages that are used.
///
/// Safe to hand to other threads: the memory is private and read-only.
public final class FileBytes: @unchecked Sendable {
  /// The file's path as it was given.
  public let path: String
  /// Its length in bytes.
  public let count: Int
  private let base: UnsafeRawPointer?
  // What came through a pipe is in memory of its own.
  private let isMapped: Bool

  /// Makes sure that a file is there, before work that would be lost.
  ///
  /// - Throws: `FileError` when it is missing or may not be read.
  public static func requireReadable(_ path: String) throws(FileError) {
    guard access(path, R_OK) == 0 else { throw .system(path, doing: "read", code: errno) }
  }

  /// Maps the file.
  ///
  /// - Parameter readsPipes: Whether a pipe is read to its end, and `-` as standard input: right for
  ///   files that the user names, wrong for those that are found in folders.
  /// - Throws: `FileError` when it is missing, unreadable, a folder or a device.
  public init(path: String, readsPipes: Bool = false) throws(FileError) {
    self.path = path
    let source = try OpenFile(path, readsPipes: readsPipes)
    if source.isRegular {
      isMapped = true
      count = source.size
      guard count > 0 else {
        base = nil
        return
      }
      let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, source.descriptor, 0)
      guard let mapping, mapping != MAP_FAILED else {
        throw .system(path, doing: "read", code: errno)
      }
      base = UnsafeRawPointer(mapping)
    } else {
      isMapped = false
      let bytes = try source.readToEnd()
      count = bytes.count
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
      memory.copyBytes(from: bytes)
      base = UnsafeRawPointer(memory.baseAddress)
    }
  }

  deinit {
    guard let base else { return }
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: base), count)
    } else {
      base.deallocate()
    }
  }

  /// The bytes; valid while this object lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Lets go of the memory behind bytes that are not needed any more; reading them again is
  /// possible and goes back to the file.
  public func discard(_ range: Range<Int>) {
    guard let base, isMapped else { return }
    let page = Int(getpagesize())
    let start = (range.lowerBound + page - 1) / page * page
    let end = range.upperBound / page * page
    guard start < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base) + start, end - start, MADV_DONTNEED)
  }

  /// The whole file in memory of its own: for small files that are read once.
  ///
  /// - Throws: `FileError` when it is missing, unreadable, a folder, a pipe or a device.
  public static func read(_ path: String) throws(FileError) -> [UInt8] {
    try OpenFile(path, readsPipes: false).readToEnd()
  }

  /// A small text without its byte order mark.
  ///
  /// - Parameter readsPipes: As for `init`.
  /// - Throws: `FileError` as `read`, and for what is no UTF-8 by its first bytes.
  public static func readText(
    _ path: String, readsPipes: Bool = false
  ) throws(FileError) -> [UInt8] {
    let bytes = try OpenFile(path, readsPipes: readsPipes).readToEnd()
    let kind = bytes.withUnsafeBytes { FileKind($0) }
    guard let kind, kind != .utf8WithMark else {
      return Array(bytes.dropFirst(kind == nil ? 0 : 3))
    }
    throw FileError(
      path: path, problem: "is \(kind.name), not plain text",
      remedy: "unpack or convert it to UTF-8", exitCode: .badData)
  }
}

/// A file that is open for reading, closed with the object.
private final class OpenFile {
  let path: String
  let descriptor: Int32
  let size: Int
  let isRegular: Bool
  /// What was read before the rest.
  private var first: [UInt8] = []

  /// Opens a file without ever waiting for one, but for the writer of a pipe that is to be read.
  init(_ path: String, readsPipes: Bool) throws(FileError) {
    self.path = path
    let isInput = readsPipes && path == "-"
    let opened = isInput ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw .system(path, doing: "read", code: errno) }
    descriptor = opened
    var info = stat()
    guard fstat(opened, &info) == 0 else {
      defer { close(opened) }
      throw .system(path, doing: "read", code: errno)
    }
    let kind = info.st_mode & S_IFMT
    isRegular = kind == S_IFREG
    size = isRegular ? Int(info.st_size) : 0
    if isRegular { return }
    guard readsPipes, kind == S_IFIFO || kind == S_IFSOCK || isInput else {
      if kind == S_IFDIR { throw .system(path, doing: "read", code: EISDIR) }
      throw FileError(
        path: path,
        problem: kind == S_IFIFO
          ? "is a pipe, not a regular file" : "is a device, not a regular file",
        remedy: "name a regular file", exitCode: .badData)
    }
    guard !isInput else { return }
    if kind == S_IFIFO { try waitForWriter() }
    _ = fcntl(opened, F_SETFL, fcntl(opened, F_GETFL) & ~O_NONBLOCK)
  }

  /// Waits a while for the writer of a pipe, before whom it reads as empty; once he is there he may take
  /// as long as he likes.
  private func waitForWriter() throws(FileError) {
    for _ in 0..<Self.patience {
      var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      // There is something, or he was there and left.
      if poll(&look, 1, 100) > 0 { return }
      var byte: UInt8 = 0
      switch Foundation.read(descriptor, &byte, 1) {
      case 0: continue
      case 1: first = [byte]
      default: break
      }
      // Without a byte it is a writer who has not written yet.
      return
    }
    throw FileError(
      path: path, problem: "is a pipe that no program has opened to write in 10 seconds",
      remedy: "start the program that fills it, or name a regular file", exitCode: .badData)
  }

  /// Tenths of a second.
  private static let patience = 100

  deinit { close(descriptor) }

  /// Everything from here to the end.
  func readToEnd() throws(FileError) -> [UInt8] {
    var bytes = first
    var failure: Int32 = 0
    // One byte more than the file has, so that its end is seen at once.
    var room = isRegular ? size + 1 : 1 << 16
    while failure == 0 {
      var got = 0
      let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
        repeat {
          got = Foundation.read(descriptor, buffer.baseAddress, room)
        } while got < 0 && errno == EINTR
        if got < 0 { failure = errno }
        filled = max(0, got)
      }
      if got <= 0 { break }
      if bytes.isEmpty { bytes = part } else { bytes += part }
      room = isRegular ? max(1, size + 1 - bytes.count) : min(1 << 24, max(room, bytes.count))
    }
    if failure != 0 { throw .system(path, doing: "read", code: failure) }
    return bytes
  }
}
