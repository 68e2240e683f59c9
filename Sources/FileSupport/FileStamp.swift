import Foundation

/// What tells a file from what it was.
///
/// Size, times and number on disk: every write changes one of them.
public struct FileStamp: Sendable, Equatable {
  /// Bytes.
  public let size: Int
  private let device, node: UInt64
  private let written, changed: [Int]

  /// Of the file at a path; nil where there is no regular file.
  public init?(path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    self.init(info)
  }

  /// Of an open file; nil where it is no regular one.
  init?(descriptor: Int32) {
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { return nil }
    self.init(info)
  }

  private init?(_ info: stat) {
    guard info.st_mode & S_IFMT == S_IFREG else { return nil }
    size = Int(info.st_size)
    (device, node) = (UInt64(info.st_dev), UInt64(info.st_ino))
    written = [info.st_mtim.tv_sec, info.st_mtim.tv_nsec]
    changed = [info.st_ctim.tv_sec, info.st_ctim.tv_nsec]
  }

  /// Whether the file had lain unchanged for two seconds, so that what was read of it may be kept:
  /// a second write in the same tick of the clock would leave no trace.
  ///
  /// - Parameter now: Seconds since 1970.
  public func isSettled(at now: Double) -> Bool { abs(now - Double(changed[0])) > 2 }

  /// As a text, for fingerprints.
  public var text: String {
    "\(device).\(node).\(size).\(written[0]).\(written[1]).\(changed[0]).\(changed[1])"
  }

  /// Bytes of an open file; nil where it ends before, or cannot be read.
  static func read(_ descriptor: Int32, _ range: Range<Int>) -> [UInt8]? {
    var got = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      while got < range.count {
        let part = pread(
          descriptor, buffer.baseAddress.map { $0 + got }, range.count - got,
          off_t(range.lowerBound + got))
        if part < 0, errno == EINTR { continue }
        guard part > 0 else { break }
        got += part
      }
      filled = got
    }
    return got == range.count ? bytes : nil
  }
}

extension FileBytes {
  /// A part of a file that must still be what it was.
  ///
  /// - Throws: `FileError` when it was changed or cannot be read.
  public static func read(
    _ path: String, _ range: Range<Int>, unchangedSince stamp: FileStamp
  ) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path, doing: "read", code: errno) }
    defer { close(descriptor) }
    guard FileStamp(descriptor: descriptor) == stamp else {
      throw FileError(
        path: path, problem: "was changed since its files were listed", remedy: "run again",
        exitCode: .badData)
    }
    guard let bytes = FileStamp.read(descriptor, range) else {
      throw .system(path, doing: "read", code: EIO)
    }
    return bytes
  }
}
