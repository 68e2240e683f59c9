import Foundation

/// The bytes of a file, mapped into memory: reading touches only the pages that are used.
///
/// Safe to hand to other threads: the mapping is private and read-only.
public final class FileBytes: @unchecked Sendable {
  /// The file's path as it was given.
  public let path: String
  /// Its length in bytes.
  public let count: Int
  private let base: UnsafeRawPointer?

  /// Maps the file.
  ///
  /// - Throws: `FileError` when it is missing, unreadable or a folder.
  public init(path: String) throws(FileError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(path, doing: "read", code: errno) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw .system(path, doing: "read", code: errno) }
    guard info.st_mode & S_IFMT != S_IFDIR else { throw .system(path, doing: "read", code: EISDIR) }
    count = Int(info.st_size)
    guard count > 0 else {
      base = nil
      return
    }
    let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapping, mapping != MAP_FAILED else {
      throw .system(path, doing: "read", code: errno)
    }
    base = UnsafeRawPointer(mapping)
  }

  deinit {
    if let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
  }

  /// The bytes; valid while this object lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Lets go of the memory behind bytes that are not needed any more; reading them again is
  /// possible and goes back to the file.
  public func discard(_ range: Range<Int>) {
    guard let base else { return }
    let page = Int(getpagesize())
    let start = (range.lowerBound + page - 1) / page * page
    let end = range.upperBound / page * page
    guard start < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base) + start, end - start, MADV_DONTNEED)
  }

  /// The whole file in memory of its own: for small files that are read once.
  ///
  /// - Throws: `FileError` when it is missing, unreadable or a folder.
  public static func read(_ path: String) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(path, doing: "read", code: errno) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw .system(path, doing: "read", code: errno) }
    guard info.st_mode & S_IFMT != S_IFDIR else { throw .system(path, doing: "read", code: EISDIR) }
    let size = Int(info.st_size)
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      while filled < size {
        let got = Foundation.read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        guard got > 0 else { break }
        filled += got
      }
    }
    if failure != 0 { throw .system(path, doing: "read", code: failure) }
    return bytes
  }
}
