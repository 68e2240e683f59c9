import Foundation
import Synchronization

/// SHA-256 of files by what is in them, each read once.
///
/// What was read is remembered, also by later processes, under the file's size, times and number on
/// disk: every write changes one of them, whatever it does to the size and to the time that users
/// see. Digests of files that were just written are not kept: a second write in the same tick of
/// the clock would leave no trace.
public final class FileDigests: Sendable {
  private typealias Entry = (stamp: String, digest: String)

  private let folder: String?
  private let known = Mutex<[String: [String: Entry]]>([:])
  private let progress: @Sendable (_ done: Int, _ total: Int) -> Void

  /// - Parameters:
  ///   - folder: Where digests are kept; nil keeps none.
  ///   - progress: Called from any thread with the files read and their number.
  public init(
    folder: String?, progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    self.folder = folder
    self.progress = progress
  }

  /// The digests of files under a folder, in their order; nil for what cannot be read.
  ///
  /// - Parameters:
  ///   - paths: Relative to the root.
  ///   - root: The folder.
  public func digests(of paths: [String], in root: String) -> [String?] {
    let old = entries(of: root)
    let stamps = paths.map { FileStamp(path: root + "/" + $0) }
    var result = zip(paths, stamps).map { path, stamp -> String? in
      old[path].flatMap { stamp != nil && $0.stamp == stamp?.text ? $0.digest : nil }
    }
    let wanted = result.indices.filter { result[$0] == nil && stamps[$0] != nil }
    guard !wanted.isEmpty else { return result }
    let done = Atomic<Int>(0)
    let found = Mutex<[Int: String]>([:])
    DispatchQueue.concurrentPerform(iterations: wanted.count) { place in
      let path = root + "/" + paths[wanted[place]]
      if let digest = try? SHA256.digest(file: path) {
        found.withLock { $0[wanted[place]] = digest }
      }
      progress(done.add(1, ordering: .relaxed).newValue, wanted.count)
    }
    var kept = old
    let now = Date().timeIntervalSince1970
    for (index, digest) in found.withLock({ $0 }) {
      result[index] = digest
      // Only what did not change while it was read, nor just before.
      guard let stamp = stamps[index], stamp.isSettled(at: now),
        stamp == FileStamp(path: root + "/" + paths[index])
      else { continue }
      kept[paths[index]] = (stamp.text, digest)
    }
    keep(kept, of: root)
    return result
  }

  // MARK: The file

  private func path(of root: String) -> String? {
    let place = URL(fileURLWithPath: root).standardizedFileURL.path
    return folder.map { "\($0)/digests-\(SHA256.digest(place).prefix(24)).tsv" }
  }

  private func entries(of root: String) -> [String: Entry] {
    if let known = known.withLock({ $0[root] }) { return known }
    guard let path = path(of: root), let bytes = try? FileBytes.read(path) else { return [:] }
    var entries: [String: Entry] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = String(decoding: line, as: UTF8.self)
        .split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
      // A line that was cut or altered is as good as none.
      guard fields.count == 4,
        crc32("\(fields[1])\t\(fields[2])\t\(fields[3])")
          == UInt32(fields[0], radix: 16)
      else { continue }
      entries[String(fields[3])] = (String(fields[1]), String(fields[2]))
    }
    return entries
  }

  private func keep(_ entries: [String: Entry], of root: String) {
    known.withLock { $0[root] = entries }
    guard let path = path(of: root) else { return }
    let lines = entries.sorted { $0.key < $1.key }.map { name, entry -> String in
      let text = "\(entry.stamp)\t\(entry.digest)\t\(name)"
      return String(crc32(text), radix: 16) + "\t" + text + "\n"
    }
    // Without the file the digests are only computed again.
    try? AtomicFile.write(text: lines.joined(), to: path)
  }
}
