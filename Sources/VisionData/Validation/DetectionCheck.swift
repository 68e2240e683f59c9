import CocoFormat
import FileSupport
import Foundation

/// Looks through a detection data set for what would spoil a run.
public struct DetectionCheck: Sendable {
  private let root: String
  private let sets: [DetectionDataset]
  private let depth: DataCheck.Depth

  /// A check of splits that were read.
  ///
  /// - Parameters:
  ///   - root: The data set's folder.
  ///   - depth: The quick check opens the headers of a sample of the images; the full one decodes
  ///     all.
  public init(root: String, sets: [DetectionDataset], depth: DataCheck.Depth) {
    self.root = root
    self.sets = sets
    self.depth = depth
  }

  /// A check of the splits that a layout has.
  ///
  /// - Throws: `FileError` or `DatasetError` when one cannot be read.
  public init(_ layout: DetectionLayout, depth: DataCheck.Depth) throws {
    var sets = try layout.training.map { [try DetectionDataset($0, use: .training)] } ?? []
    for part in [layout.validation, layout.whole].compactMap({ $0 }) {
      sets.append(try DetectionDataset(part, use: .testing))
    }
    self.init(root: layout.root, sets: sets, depth: depth)
  }

  /// What a data set lacks that was split and has only one of its splits.
  public static func missingSplits(_ layout: DetectionLayout) -> [DataFinding] {
    guard layout.source != .named, layout.whole == nil else { return [] }
    let uses: [(DetectionDataset.Use, DetectionLayout.Part?, String)] = [
      (.training, layout.training, "trained"), (.testing, layout.validation, "scored"),
    ]
    return uses.compactMap { use, part, verb in
      guard part == nil else { return nil }
      do throws(DatasetError) {
        _ = try layout.part(use)
        return nil
      } catch {
        return DataFinding(
          path: error.path == layout.root ? "." : relative(error.path, to: layout.root),
          rule: "layout/missing", severity: .warning, problem: error.problem,
          remedy: "nothing can be \(verb) on this data set without")
      }
    }
  }

  /// Runs the check.
  ///
  /// - Parameters:
  ///   - threadCount: Threads that open images.
  ///   - progress: Called from any thread with the images done and their number.
  /// - Returns: What is wrong with the annotations, and with the images that they name.
  public func run(
    threadCount: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> DataCheckReport {
    var report = DataCheckReport()
    report.classCount = sets.first?.classCount ?? 0
    var seen: Set<String> = []
    for set in sets where seen.insert(set.annotations.path).inserted {
      report.findings += findings(of: set.annotations)
      report.findings += emptiness(of: set.annotations)
    }
    if sets.count > 1 {
      report.findings += differences(sets[1].annotations, from: sets[0].annotations)
      report.findings += unlearned(sets[1].annotations, from: sets[0].annotations)
    }
    let images = sets.flatMap { set in set.images.map { (set: set, image: $0) } }
    report.imageCount = images.count
    let isFull = depth == .full
    var places = Set(
      evenPlaces(isFull ? images.count : DataCheck.quickSampleSize, of: images.count))
    // What is not there is seen without opening anything.
    let missing = images.indices.filter { access(images[$0].set.path(images[$0].image), F_OK) != 0 }
    places.formUnion(missing.prefix(DataCheck.quickSampleSize))
    let sample = places.sorted().map { images[$0] }
    report.openedCount = sample.count
    let outcomes = survey(sample.count, threadCount: threadCount, progress: progress) { place in
      let (set, image) = sample[place]
      return Self.examine(set, image, relative: relative(set.path(image)), isFull: isFull)
    }
    report.findings += outcomes.flatMap(\.findings)
    report.findings += DataCheck.repeatedContents(
      zip(sample, outcomes).map { entry, outcome in
        (
          path: relative(entry.set.path(entry.image)), split: entry.set.annotations.path,
          hash: outcome.hash
        )
      })
    report.findings.sort { ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule) }
    return report
  }

  private func relative(_ path: String) -> String { Self.relative(path, to: root) }

  private static func relative(_ path: String, to root: String) -> String {
    path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
  }

  /// The described faults of a file, and how many more of each kind there are.
  private func findings(of annotations: CocoAnnotations) -> [DataFinding] {
    let path = relative(annotations.path)
    var findings = annotations.findings.described.map { finding in
      // What is trained on needs its size, which boxes alone do not.
      let needsSize = [CocoRule.missingSize, .malformedSize].contains {
        $0.rawValue == finding.rule
      }
      return DataFinding(
        path: path, rule: finding.rule, severity: needsSize ? .error : finding.severity,
        problem: finding.problem,
        remedy: needsSize
          ? "networks cannot be trained or scored on it; write the size in pixels" : finding.remedy)
    }
    let (without, count) = (annotations.objectsWithoutMask, annotations.annotations.count)
    if without > 0 {
      findings.append(
        DataFinding(
          path: path, rule: "mask/none", severity: .warning,
          problem: without == count
            ? "has no masks, all \(count) objects are without a mask"
            : "has no mask of \(without) of \(count) objects",
          remedy: without == count
            ? "boxes are trained and scored, masks are not"
            : "those train boxes only and count as missed in mask AP"))
    }
    for rule in CocoRule.allCases {
      let left = annotations.findings.count(rule) - CocoFindings.describedPerRule
      guard left > 0 else { continue }
      findings.append(
        DataFinding(
          path: path, rule: rule.rawValue, severity: rule.severity,
          problem: "has \(left) more such records", remedy: "see bench-data check-annotations"))
    }
    return findings
  }

  /// Whether nothing can be learnt from a file or scored on it.
  private func emptiness(of annotations: CocoAnnotations) -> [DataFinding] {
    let objects = annotations.annotations
    guard !objects.contains(where: { !$0.isCrowd && !$0.isIgnored }) else { return [] }
    return [
      DataFinding(
        path: relative(annotations.path), rule: "record/none", severity: .error,
        problem: objects.isEmpty
          ? "has no object in its \(annotations.images.count) images"
          : "has no object that counts: all \(objects.count) are crowds or ignored",
        remedy: "name a file with objects; from this one nothing is learnt, and no score is defined"
      )
    ]
  }

  /// Where the categories of a second split are others than the first one's.
  private func differences(
    _ other: CocoAnnotations, from first: CocoAnnotations
  ) -> [DataFinding] {
    other.categoryDifferences(from: first, called: relative(first.path)).map { problem in
      DataFinding(
        path: relative(other.path), rule: "category/other", severity: .error, problem: problem,
        remedy: "give both files the same list of categories")
    }
  }

  /// Whether the second split has objects of categories of which the first shows none.
  private func unlearned(
    _ other: CocoAnnotations, from first: CocoAnnotations
  ) -> [DataFinding] {
    func ids(_ set: CocoAnnotations) -> Set<Int> {
      Set(set.annotations.map { set.categories[$0.category].id })
    }
    let unseen = ids(other).subtracting(ids(first)).sorted()
    guard let id = unseen.first, let category = other.categoryIndex(id: id) else { return [] }
    return [
      DataFinding(
        path: relative(first.path), rule: "category/unlearned", severity: .warning,
        problem: "has no object of category '\(other.categories[category].name)'"
          + (unseen.count > 1 ? " and \(unseen.count - 1) more" : "")
          + ", which \(relative(other.path)) has",
        remedy: "its AP there can only be 0; give training such objects or leave the category out")
    ]
  }

  private static func examine(
    _ set: DetectionDataset, _ image: Int, relative: String, isFull: Bool
  ) -> DataCheck.Outcome {
    var outcome = DataCheck.examine(relative, isFull: isFull) { () throws(FileError) in
      try FileBytes.read(set.path(image))
    }
    let expected = set.annotations.images[image]
    guard let header = outcome.header, !header.turns(to: expected.width, expected.height) else {
      return outcome
    }
    if header.width == expected.width, header.height == expected.height {
      outcome.findings.append(
        DataFinding(
          path: relative, rule: "layout/orientation", severity: .warning,
          problem: "is turned by its EXIF data, but the annotations have its stored size",
          remedy: "nothing needs to be done if they were drawn so; the image is not turned"))
      return outcome
    }
    outcome.findings.append(
      DataFinding(
        path: relative, rule: "layout/image-size", severity: .error,
        problem: "has \(header.width)x\(header.height) pixels where the annotations say "
          + "\(expected.width)x\(expected.height)",
        remedy: "use the images that the annotations were made for"))
    return outcome
  }
}
