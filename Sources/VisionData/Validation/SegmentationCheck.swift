import FileSupport
import Foundation

/// Looks through a segmentation data set for what would spoil a run.
public struct SegmentationCheck: Sendable {
  private let layout: SegmentationLayout
  private let splits: [SegmentationFolder.Split]
  private let classes: String
  private let labels: LabelEncoding.Kind?
  private let depth: DataCheck.Depth

  private var root: String { layout.root }

  /// A check of a data set.
  ///
  /// - Parameters:
  ///   - splits: Those that are looked at.
  ///   - classes: The class table, as for `SegmentationClasses.find`.
  ///   - labels: How maps store classes; nil for what the table says.
  ///   - depth: Every map is read and the header of every image; the full check also decodes the
  ///     images and compares their bytes.
  public init(
    _ layout: SegmentationLayout, splits: [SegmentationFolder.Split] = [.training, .validation],
    classes: String = "", labels: LabelEncoding.Kind? = nil, depth: DataCheck.Depth
  ) {
    self.layout = layout
    self.splits = splits
    self.classes = classes
    self.labels = labels
    self.depth = depth
  }

  /// Runs the check.
  ///
  /// - Parameters:
  ///   - threadCount: Threads that open files.
  ///   - progress: Called from any thread with the images done and their number.
  /// - Returns: What was found; faults of the layout are findings too.
  public func run(
    threadCount: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> DataCheckReport {
    var report = DataCheckReport()
    var table: SegmentationClasses?
    do {
      table = try SegmentationClasses.of(layout, classes, labels: labels)
      report.classCount = table?.count ?? 0
    } catch {
      report.findings.append(finding(error, rule: "layout/classes"))
    }
    var pairs: [SegmentationPair] = []
    for split in splits {
      do {
        let listing = try SegmentationListing(layout, split: split)
        report.imageCount += listing.folder.count + listing.unlabelled.count
        report.findings += findings(of: listing)
        pairs += (0..<listing.folder.count).map {
          SegmentationPair(folder: listing.folder, index: $0, split: split)
        }
      } catch {
        report.findings.append(finding(error, rule: "layout/missing"))
      }
    }
    report.openedCount = pairs.count
    let isFull = depth == .full
    let encoding = table?.encoding
    let sample = pairs
    let outcomes = survey(pairs.count, threadCount: threadCount, progress: progress) { index in
      sample[index].examine(encoding, isFull: isFull)
    }
    for outcome in outcomes { report.findings += outcome.findings }
    if let table {
      report.findings += SegmentationStatistics(pairs, outcomes, table).findings()
    }
    if isFull { report.findings += duplicates(pairs, outcomes) }
    report.findings.sort { ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule) }
    return report
  }

  /// Runs the check, or takes the report of an earlier one of the same files.
  ///
  /// - Parameters:
  ///   - folder: Where reports are kept.
  ///   - isFresh: Whether an earlier report is no answer.
  /// - Throws: `FileError` when a report cannot be written.
  public func run(
    cachedIn folder: String, isFresh: Bool = false, threadCount: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(FileError) -> DataCheckReport {
    try DataCheckReport.cached(in: folder, under: fingerprint(), isFresh: isFresh) {
      run(threadCount: threadCount, progress: progress)
    }
  }

  private func fingerprint() -> String {
    var hash = SHA256()
    hash.update("segmentation 4 \(depth.rawValue) \(classes) \(labels?.rawValue ?? "")\n")
    hash.update("\(layout.source) \(layout.imageSuffix) \(layout.labelSuffix)\n")
    for split in splits {
      guard let part = try? layout.part(split) else { continue }
      hash.update("\(split.rawValue) \(part.list.map(Self.stamp) ?? "")\n")
      for top in Set([part.images, part.labels]).sorted() {
        let listing = try? FileTree.files(below: root + "/" + top)
        for file in (listing?.files ?? []) + (listing?.hidden ?? []) {
          hash.update("\(top)/\(file) \(Self.stamp("\(root)/\(top)/\(file)"))\n")
        }
      }
    }
    for table in [classes, root + "/classes.json"] { hash.update("\(Self.stamp(table))\n") }
    return hash.finish()
  }

  private static func stamp(_ path: String) -> String { FileStamp(path: path)?.text ?? "none" }

  private func finding(_ error: DatasetError, rule: String) -> DataFinding {
    let relative =
      error.path.hasPrefix(root + "/") ? String(error.path.dropFirst(root.count + 1)) : error.path
    return DataFinding(
      path: relative, rule: rule, severity: .error, problem: error.problem, remedy: error.remedy)
  }

  private func findings(of listing: SegmentationListing) -> [DataFinding] {
    var findings = listing.unlabelled.map { file in
      DataFinding(
        path: listing.folder.imageFolder + "/" + file, rule: "layout/unlabelled", severity: .error,
        problem: "has no label map in \(listing.folder.labelFolder)",
        remedy: listing.remedy(for: file) + " or remove the image")
    }
    findings += listing.unused.map { file in
      DataFinding(
        path: listing.folder.labelFolder + "/" + file, rule: "layout/unused-map",
        severity: .warning, problem: "has no image in \(listing.folder.imageFolder)",
        remedy: "add the image or remove the map")
    }
    findings += DataCheck.leftOut(
      listing.folder.hidden, of: listing.folder.imageFolder, rule: "layout/hidden-images",
      "and its maps' folder hold hidden files, or files in hidden folders",
      "rename or remove them")
    if listing.ignoredFileCount > 0 {
      findings.append(
        DataFinding(
          path: listing.folder.imageFolder, rule: "layout/other-files", severity: .note,
          problem: "and its maps' folder hold \(listing.ignoredFileCount) files that are no images "
            + "by their extension", remedy: "nothing needs to be done"))
    }
    return findings
  }

  private func duplicates(
    _ pairs: [SegmentationPair], _ outcomes: [SegmentationPair.Outcome]
  ) -> [DataFinding] {
    DataCheck.repeatedContents(
      zip(pairs, outcomes).map { pair, outcome in
        (
          path: pair.folder.relativeImagePath(pair.index), split: pair.split.rawValue,
          hash: outcome.hash
        )
      })
  }
}
