import FileSupport
import Foundation
import Synchronization

/// Looks through an ImageNet-style data set for what would spoil a run.
public struct DataCheck: Sendable {
  /// How much is looked at.
  public enum Depth: String, Sendable, CaseIterable {
    /// Layout, and the headers of a sample of images.
    case quick
    /// Every image decoded, every file hashed.
    case full
  }

  /// Headers that the quick check opens.
  static let quickSampleSize = 256
  /// Classes without images that are named one by one.
  private static let shownClasses = 20

  private let root: String
  let layout: Result<ClassificationLayout, DatasetError>
  private let depth: Depth

  var rootPath: String { root }
  var depthName: String { depth.rawValue }

  /// A check of the folder that holds `train` and `val`, or images side by side.
  public init(root: String, depth: Depth) {
    self.root = root
    layout = Result { () throws(DatasetError) in
      // `??` would forget the kind of error.
      if let splits = try ClassificationLayout.find(root) { return splits }
      if let images = try ClassificationLayout.sideBySide(root) { return images }
      return try ClassificationLayout.expect(root)
    }
    self.depth = depth
  }

  /// A check of the splits of a layout.
  public init(_ layout: ClassificationLayout, depth: Depth) {
    (root, self.layout, self.depth) = (layout.root, .success(layout), depth)
  }

  /// Runs the check.
  ///
  /// - Parameters:
  ///   - threadCount: Threads that open images.
  ///   - headClassCount: Classes of a checkpoint's own classifier, to compare with the folders.
  ///   - progress: Called from any thread with the images done and their number.
  /// - Returns: What was found; faults of the layout are findings too.
  public func run(
    threadCount: Int, headClassCount: Int? = nil,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> DataCheckReport {
    var report = DataCheckReport()
    let train: ImageFolder
    var isOneSplit = false
    do {
      isOneSplit = try layout.get().isOneSplit
      train = try ImageFolder(layout.get().training)
    } catch {
      report.findings = [layout(error)]
      return report
    }
    report.classCount = train.classNames.count
    if let headClassCount, headClassCount != train.classNames.count {
      report.findings.append(
        DataFinding(
          path: "train", rule: "layout/head-classes", severity: .warning,
          problem: "has \(train.classNames.count) classes, the checkpoint's head \(headClassCount)",
          remedy: "do not read the head's own predictions on this data"))
    }
    if train.classNames.count == 1 {
      report.findings.append(
        DataFinding(
          path: "train", rule: "layout/one-class", severity: .warning,
          problem: "has one class alone, '\(train.classNames[0])'",
          remedy: "give several, or only pretrain on it: whatever is answered is right here"))
    }
    if train.classNames.isEmpty {
      report.findings.append(
        DataFinding(
          path: ".", rule: "layout/unlabelled", severity: .note,
          problem: "has images without classes, which only training without labels can use",
          remedy: "for scores sort them into train/<class> and val/<class>"))
    }
    let first =
      !isOneSplit
      ? "train" : train.root == root ? "." : (train.root as NSString).lastPathComponent
    var splits = [(first, train)]
    do {
      if !isOneSplit {
        splits.append(
          ("val", try ImageFolder(layout.get().validation, classNames: train.classNames)))
      }
    } catch {
      report.findings.append(layout(error))
    }
    for (name, split) in splits {
      report.imageCount += split.count
      // Of numbers as classes there may be millions.
      if split.emptyClasses.count > Self.shownClasses {
        report.findings.append(
          DataFinding(
            path: name, rule: "layout/empty-class", severity: .warning,
            problem:
              "holds no image of \(split.emptyClasses.count - Self.shownClasses) classes more "
              + "than are named", remedy: "check the numbers or folders of the classes"))
      }
      for empty in split.emptyClasses.prefix(Self.shownClasses) {
        report.findings.append(
          DataFinding(
            path: "\(name)/\(empty)", rule: "layout/empty-class",
            severity: name == "train" ? .error : .warning, problem: "holds no image",
            remedy: "unpack the class again, or remove its folder from both splits"))
      }
      report.findings += Self.leftOut(
        split.hiddenImages, of: name, rule: "layout/hidden-images",
        "holds hidden images, or images in hidden folders", "rename or remove them")
      report.findings += Self.leftOut(
        split.strayImages, of: name, rule: "layout/stray-images",
        "holds images beside its class folders, which have no class",
        "move them into class folders or remove them")
      report.findings += Self.leftOut(
        split.absentImages, of: name, rule: "layout/absent-images",
        "lacks images that the file of its classes names",
        "unpack it whole, or take their lines out")
      if split.ignoredFileCount > 0 {
        report.findings.append(
          DataFinding(
            path: name, rule: "layout/other-files", severity: .note,
            problem: "holds \(split.ignoredFileCount) files that are no images by their extension",
            remedy: "nothing needs to be done"))
      }
    }
    inspect(splits, threadCount: threadCount, progress: progress, into: &report)
    report.findings.sort { ($1.severity, $0.path, $0.rule) < ($0.severity, $1.path, $1.rule) }
    return report
  }

  /// The finding for images that no run would see; none where there are none.
  static func leftOut(
    _ files: [String], of folder: String, rule: String, _ what: String, _ remedy: String
  ) -> [DataFinding] {
    guard let first = files.first else { return [] }
    return [
      DataFinding(
        path: folder, rule: rule, severity: .error,
        problem: "\(what), which are left out: \(first)"
          + (files.count > 1 ? " and \(files.count - 1) more" : ""), remedy: remedy)
    ]
  }

  private func layout(_ error: DatasetError) -> DataFinding {
    let isFlat = error.problem.contains("side by side")
    let relative =
      error.path.hasPrefix(root + "/")
      ? String(error.path.dropFirst(root.count + 1)) : error.path
    let rule =
      error.exitCode == .missingFile
      ? "layout/missing" : isFlat ? "layout/flat" : "layout/classes"
    return DataFinding(
      path: relative, rule: rule, severity: .error, problem: error.problem, remedy: error.remedy)
  }

  /// What one image gave: findings and, in a full check, the hash of its bytes.
  struct Outcome: Sendable {
    var findings: [DataFinding] = []
    var hash: String?
    var header: ImageHeader?
  }

  private final class Results: Sendable {
    let outcomes: Mutex<[Int: Outcome]> = Mutex([:])
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
  }

  private func inspect(
    _ splits: [(String, ImageFolder)], threadCount: Int,
    progress: @escaping @Sendable (Int, Int) -> Void, into report: inout DataCheckReport
  ) {
    let total = splits.reduce(0) { $0 + $1.1.count }
    guard total > 0 else { return }
    let wanted = depth == .full ? total : min(total, Self.quickSampleSize)
    // Evenly spread, so that every class of a sorted folder has its share.
    let sample = evenPlaces(wanted, of: total)
    let results = Results()
    let isFull = depth == .full
    let group = DispatchGroup()
    for _ in 0..<max(1, threadCount) {
      group.enter()
      let thread = Thread {
        while true {
          let at = results.next.add(1, ordering: .relaxed).oldValue
          guard at < sample.count else { break }
          var index = sample[at]
          var part = 0
          while index >= splits[part].1.count {
            index -= splits[part].1.count
            part += 1
          }
          let (name, split) = splits[part]
          let outcome = Self.examine(
            name + "/" + split.relativePath(index), isFull: isFull
          ) { () throws(FileError) in try split.contents(index) }
          results.outcomes.withLock { $0[sample[at]] = outcome }
          progress(results.done.add(1, ordering: .relaxed).newValue, sample.count)
        }
        group.leave()
      }
      thread.stackSize = 4 << 20
      thread.start()
    }
    group.wait()
    report.openedCount = sample.count
    let outcomes = results.outcomes.withLock { $0 }
    for at in sample { report.findings += outcomes[at]?.findings ?? [] }
    if isFull { compareContents(splits, outcomes, into: &report) }
  }

  /// Looks at a file.
  ///
  /// - Parameters:
  ///   - relative: Its name in findings.
  ///   - contents: Reads it.
  static func examine(
    _ relative: String, isFull: Bool, contents: () throws(FileError) -> [UInt8]
  ) -> Outcome {
    var outcome = Outcome()
    func find(_ rule: String, _ severity: FindingSeverity, _ problem: String, _ remedy: String) {
      outcome.findings.append(
        DataFinding(
          path: relative, rule: rule, severity: severity, problem: problem, remedy: remedy))
    }
    let bytes: [UInt8]
    do {
      bytes = try contents()
    } catch {
      find("image/unreadable", .error, error.problem, error.remedy)
      return outcome
    }
    guard !bytes.isEmpty else {
      find("image/empty", .error, "is empty", "download it again or remove it")
      return outcome
    }
    if isFull { outcome.hash = bytes.withUnsafeBytes { SHA256.digest($0) } }
    do throws(ImageError) {
      let header = try ImageFile.inspect(bytes: bytes, name: relative)
      try header.expectPicture(relative)
      outcome.header = header
      let ending = (relative as NSString).pathExtension.lowercased()
      let fits = header.format == .png ? ending == "png" : ["jpg", "jpeg"].contains(ending)
      if !fits {
        find(
          "image/extension", .note, "is a \(header.format.rawValue) named .\(ending)",
          "nothing needs to be done; the bytes decide")
      }
      if header.isCMYK {
        find("image/cmyk", .note, "stores CMYK", "nothing needs to be done; it is converted")
      }
      if isFull { _ = try ImageFile.decode(bytes: bytes, name: relative) }
    } catch {
      find(
        error.isTruncation ? "image/truncated" : "image/undecodable", .error, error.problem,
        error.isOfOtherKind ? error.remedy : "download it again or remove it")
    }
    return outcome
  }

  /// Images with the bytes of one before them, in a full check; of images that have no classes.
  static func repeatedContents(
    _ images: [(path: String, split: String, hash: String?)]
  ) -> [DataFinding] {
    var first: [String: (path: String, split: String)] = [:]
    return images.compactMap { path, split, hash in
      guard let hash else { return nil }
      guard let known = first[hash] else {
        first[hash] = (path, split)
        return nil
      }
      let overlaps = known.split != split
      return DataFinding(
        path: path, rule: overlaps ? "content/overlap" : "content/duplicate",
        severity: overlaps ? .error : .warning, problem: "has the same bytes as \(known.path)",
        remedy: overlaps
          ? "remove it from one split; scores on seen images mean nothing"
          : "remove one of the two")
    }
  }

  private func compareContents(
    _ splits: [(String, ImageFolder)], _ outcomes: [Int: Outcome],
    into report: inout DataCheckReport
  ) {
    var first: [String: (name: String, label: Int32, path: String)] = [:]
    var position = 0
    for (name, split) in splits {
      for index in 0..<split.count {
        defer { position += 1 }
        guard let hash = outcomes[position]?.hash else { continue }
        let path = name + "/" + split.relativePath(index)
        guard let known = first[hash] else {
          first[hash] = (name, split.labels[index], path)
          continue
        }
        let differs = known.label != split.labels[index]
        if known.name != name {
          report.findings.append(
            DataFinding(
              path: path, rule: "content/overlap", severity: .error,
              problem: "has the same bytes as \(known.path)"
                + (differs ? ", under another class" : ""),
              remedy: "remove it from one split; scores on seen images mean nothing"))
        } else {
          report.findings.append(
            DataFinding(
              path: path, rule: differs ? "content/two-labels" : "content/duplicate",
              severity: differs ? .error : .warning,
              problem: "has the same bytes as \(known.path)"
                + (differs ? ", under another class" : ""),
              remedy: differs ? "keep the right one" : "remove one of the two"))
        }
      }
    }
  }
}
