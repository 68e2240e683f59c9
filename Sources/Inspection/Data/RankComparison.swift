import FileSupport
import Processes

/// Whether all processes see the same data set: a node with a stale copy trains on other images.
enum RankComparison {
  /// A fault for the first process whose files are not those of the first of all.
  ///
  /// - Parameter readsContents: Whether contents are compared, beside names.
  /// - Throws: `DatasetError` for a folder that cannot be listed; what communication throws.
  static func finding(_ root: String, readsContents: Bool) throws -> DataFinding? {
    let ranks = Processes.current
    let files = try FileTree.files(below: root).files.sorted()
    let digests =
      readsContents ? FileDigests(folder: nil).digests(of: files, in: root).map { $0 ?? "?" } : []
    let lists = try ranks.gatherBytes(
      Array(
        ([String(files.count), SHA256.digest(files.joined(separator: "\n"))]
          + [SHA256.digest(digests.joined(separator: "\n"))]).joined(separator: " ").utf8))
    guard let rank = lists.firstIndex(where: { $0 != lists[0] }) else { return nil }
    func words(_ rank: Int) -> [Substring] {
      String(decoding: lists[rank], as: UTF8.self).split(separator: " ")
    }
    let (own, first) = (words(rank), words(0))
    let problem =
      own[0] != first[0]
      ? "holds \(own[0]) files for process \(rank) and \(first[0]) for process 0"
      : own[1] != first[1]
        ? "holds files of other names for process \(rank) than for process 0"
        : "holds files of other contents for process \(rank) than for process 0"
    return DataFinding(
      path: ".", rule: "ranks/different", severity: .error, problem: problem,
      remedy: "give all machines the same copy")
  }
}
