import FileSupport
import Foundation
import Synchronization

/// What was found in archives, kept on disk for the next process: going over the headers of ImageNet's
/// archive takes minutes where its disk is slow.
///
/// One file for a set of archives, written aside and renamed, with what the archives were and a
/// checksum; one that is damaged, or of archives that were changed, is as good as none.
public struct ArchiveIndex: Sendable {
  private static let place = Mutex<String?>(nil)

  /// Where the process keeps its indexes; nil keeps none.
  public static var folder: String? {
    get { place.withLock { $0 } }
    set { place.withLock { $0 = newValue } }
  }

  /// The index's file.
  let path: String
  private let root: String
  private let files: [String]
  private static let mark = Array("swinbench archives 1\n".utf8)

  init(folder: String, root: String, files: [String]) {
    let place = URL(fileURLWithPath: root).standardizedFileURL.path
    let key = SHA256.digest(([place] + files).joined(separator: "\n")).prefix(24)
    (path, self.root, self.files) = ("\(folder)/archives-\(key).index", root, files)
  }

  /// What was kept of archives that are still what they were; nil when there is nothing sound.
  func read(_ stamps: [FileStamp]) -> ImageArchives? {
    guard let bytes = try? FileBytes.read(path) else { return nil }
    var reader = Reader(bytes: bytes[...])
    guard bytes.count > Self.mark.count + 4, bytes.starts(with: Self.mark) else { return nil }
    let body = bytes.count - 4
    let sum = bytes.withUnsafeBytes { crc32(UnsafeRawBufferPointer(rebasing: $0[..<body])) }
    reader.bytes = bytes[body...]
    guard reader.numbers(1, of: UInt32.self)?.first == sum else { return nil }
    reader.bytes = bytes[Self.mark.count..<body]
    guard reader.text() == stamps.map(\.text).joined(separator: "\n"),
      let counts = reader.numbers(3, of: Int.self), counts.allSatisfy({ $0 >= 0 }),
      let archives = reader.numbers(counts[0], of: Int32.self),
      let starts = reader.numbers(counts[0], of: Int.self),
      let sizes = reader.numbers(counts[0], of: Int32.self),
      let labels = reader.numbers(counts[1], of: Int32.self),
      counts[1] == 0 || counts[1] == counts[0],
      let ends = reader.numbers(counts[0], of: Int.self), let paths = reader.block(),
      let table = PathTable(bytes: paths, ends: ends), let hidden = reader.text()
    else { return nil }
    for ((archive, start), size) in zip(zip(archives, starts), sizes) {
      guard stamps.indices.contains(Int(archive)), start >= 0, size >= 0,
        start <= stamps[Int(archive)].size - Int(size)
      else { return nil }
    }
    return ImageArchives(
      root: root, files: files, stamps: stamps, archives: archives, starts: starts, sizes: sizes,
      paths: table, numbers: labels, ignoredCount: counts[2],
      hidden: hidden.isEmpty ? [] : hidden.components(separatedBy: "\n"))
  }

  /// Keeps what was found, unless an archive was written just before: a second write in the same tick
  /// of the clock would leave no trace.
  ///
  /// - Parameter now: Seconds since 1970.
  func write(_ found: ImageArchives, now: Double = Date().timeIntervalSince1970) {
    guard found.stamps.allSatisfy({ $0.isSettled(at: now) }) else { return }
    var bytes = Self.mark
    func add<Number: FixedWidthInteger>(_ numbers: [Number]) {
      numbers.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    func add(block: [UInt8]) {
      add([block.count])
      bytes += block
    }
    add(block: Array(found.stamps.map(\.text).joined(separator: "\n").utf8))
    add([found.paths.count, found.numbers.count, found.ignoredCount])
    add(found.archives)
    add(found.starts)
    add(found.sizes)
    add(found.numbers)
    add(found.paths.ends)
    add(block: found.paths.bytes)
    add(block: Array(found.hidden.joined(separator: "\n").utf8))
    add([bytes.withUnsafeBytes { crc32($0) }])
    // Without the file the archives are only read again.
    try? AtomicFile.write(bytes, to: path)
  }

  /// Takes numbers off the front of bytes, in the machine's own order: indexes stay where they were
  /// made, and the checksum of another order fails.
  private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func numbers<Number: FixedWidthInteger>(
      _ count: Int, of type: Number.Type
    ) -> [Number]? {
      let width = MemoryLayout<Number>.size
      guard count >= 0, count <= bytes.count / width else { return nil }
      let part = bytes.prefix(count * width)
      bytes = bytes.dropFirst(count * width)
      return [Number](unsafeUninitializedCapacity: count) { out, filled in
        part.withUnsafeBytes { UnsafeMutableRawBufferPointer(out).copyMemory(from: $0) }
        filled = count
      }
    }

    mutating func block() -> [UInt8]? {
      guard let count = numbers(1, of: Int.self)?.first, (0...bytes.count).contains(count) else {
        return nil
      }
      defer { bytes = bytes.dropFirst(count) }
      return Array(bytes.prefix(count))
    }

    mutating func text() -> String? {
      block().flatMap { String(validating: $0, as: UTF8.self) }
    }
  }
}
