import FileSupport
import Geometry

/// One image with its label map, as the check looks at it.
struct SegmentationPair: Sendable {
  let folder: SegmentationFolder
  let index: Int
  let split: SegmentationFolder.Split

  /// What one pair gave.
  struct Outcome: Sendable {
    var findings: [DataFinding] = []
    /// The hash of the image's bytes, in a full check.
    var hash: String?
    /// The stored values of the map; nil where it could not be read.
    var histogram: LabelHistogram?
  }

  /// Looks at both files.
  ///
  /// - Parameters:
  ///   - encoding: What the map's values mean; nil where that is not known.
  ///   - isFull: Also decodes the image and hashes it.
  func examine(_ encoding: LabelEncoding?, isFull: Bool) -> Outcome {
    let picture = DataCheck.examine(folder.relativeImagePath(index), isFull: isFull) {
      () throws(FileError) in try FileBytes.read(folder.imagePath(index))
    }
    var outcome = Outcome(findings: picture.findings, hash: picture.hash)
    let name = folder.relativeLabelPath(index)
    func find(_ rule: String, _ severity: FindingSeverity, _ problem: String, _ remedy: String) {
      outcome.findings.append(
        DataFinding(path: name, rule: rule, severity: severity, problem: problem, remedy: remedy))
    }
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(folder.labelPath(index))
    } catch {
      find("label/unreadable", .error, error.problem, error.remedy)
      return outcome
    }
    let map: LabelMap
    do throws(ImageError) {
      let header = try ImageFile.inspect(bytes: bytes, name: name)
      if let (problem, remedy) = fault(of: header) {
        find("label/format", .error, problem, remedy)
        return outcome
      }
      if header.isPalette {
        find(
          "label/palette", .note, "is a palette PNG; its indices are taken, not its colours",
          "nothing needs to be done if the indices are the labels")
      }
      map = try ImageFile.decodeLabels(bytes: bytes, name: name)
    } catch {
      find(
        error.isTruncation ? "label/truncated" : "label/undecodable", .error, error.problem,
        "unpack it again or remove it with its image")
      return outcome
    }
    if let image = picture.header, !image.turns(to: map.width, map.height) {
      if image.width == map.width, image.height == map.height {
        find(
          "label/orientation", .warning,
          "has the size of its image's stored pixels, which EXIF data turn",
          "nothing needs to be done if it was drawn on these; the image is not turned")
      } else {
        find(
          "label/size", .error,
          "is \(map.width)x\(map.height), its image \(image.width)x\(image.height)",
          "use the label map of this image, at the image's size")
      }
    }
    let histogram = LabelHistogram(map)
    outcome.histogram = histogram
    if let encoding {
      if let (problem, remedy) = encoding.fault(in: histogram) {
        find("label/range", .error, problem, remedy)
      } else if histogram.values.allSatisfy({
        encoding.classIndex(of: UInt8($0)) == LabelEncoding.ignored
      }) {
        find(
          "label/all-ignored", .warning, "has no pixel that counts",
          "remove it with its image; it teaches and scores nothing")
      }
    }
    return outcome
  }

  /// Why a file of this kind cannot hold labels.
  private func fault(of header: ImageHeader) -> (problem: String, remedy: String)? {
    if header.format == .jpeg {
      return ("is a JPEG, which changes label values", "store label maps as 8-bit gray PNG")
    }
    if header.bitDepth == 16 {
      return (
        "stores 16 bits a sample",
        "convert it to 8-bit gray PNG with values up to 255 (full ADE20K's index maps are not "
          + "those of the 150-class benchmark)"
      )
    }
    if header.isPalette { return nil }
    if header.channelCount > 1 {
      return (
        "stores \(header.channelCount) channels: a coloured picture, not class ids",
        "use the maps of class ids; colours may stand for more than one class"
      )
    }
    if header.bitDepth < 8 {
      return (
        "stores \(header.bitDepth)-bit gray, which readers stretch differently",
        "convert it to 8-bit gray PNG"
      )
    }
    return nil
  }
}

/// What all label maps together tell.
struct SegmentationStatistics {
  private let table: SegmentationClasses
  /// Stored values of each split.
  private var totals: [SegmentationFolder.Split: LabelHistogram] = [:]
  /// Maps of 0 and 255 alone, a good part of them 255; and whether others have 1 beside 255.
  private var binary: [SegmentationPair] = []
  private var hasBoth = false

  init(
    _ pairs: [SegmentationPair], _ outcomes: [SegmentationPair.Outcome],
    _ table: SegmentationClasses
  ) {
    self.table = table
    for (pair, outcome) in zip(pairs, outcomes) {
      guard let histogram = outcome.histogram else { continue }
      totals[pair.split, default: LabelHistogram()].add(histogram)
      let ignored = histogram.counts[Int(LabelEncoding.ignored)]
      guard ignored > 0, ignored * 20 >= histogram.counts.reduce(0, +) else { continue }
      if histogram.counts[1] > 0 { hasBoth = true }
      if histogram.values == [0, Int(LabelEncoding.ignored)] { binary.append(pair) }
    }
  }

  func findings() -> [DataFinding] {
    var findings: [DataFinding] = []
    if let finding = shift() { findings.append(finding) }
    if let finding = unlearned() { findings.append(finding) }
    if let finding = mixed() { findings.append(finding) }
    for (split, total) in totals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let absent = (0..<table.count).filter {
        total.counts[Int(table.encoding.storedValue(of: UInt8($0)))] == 0
      }
      guard !absent.isEmpty else { continue }
      if let finding = sea(in: total, of: split, absent: absent) { findings.append(finding) }
      let named = absent.prefix(8).map { table.names[$0] }.joined(separator: ", ")
      findings.append(
        DataFinding(
          path: split.rawValue, rule: "label/absent-class", severity: .note,
          problem: "has no pixel of \(absent.count) of \(table.count) classes (\(named)"
            + (absent.count > 8 ? ", …)" : ")"),
          remedy: split == .training
            ? "nothing needs to be done; they cannot be learned"
            : "nothing needs to be done; their scores are NaN and leave the means"))
    }
    return findings
  }

  /// Whether validation asks for classes that training never shows.
  private func unlearned() -> DataFinding? {
    guard let training = totals[.training], let validation = totals[.validation] else { return nil }
    let unseen = (0..<table.count).filter {
      let value = Int(table.encoding.storedValue(of: UInt8($0)))
      return training.counts[value] == 0 && validation.counts[value] > 0
    }
    guard let first = unseen.first else { return nil }
    return DataFinding(
      path: "training", rule: "label/unlearned-class", severity: .warning,
      problem: "has no pixel of class '\(table.names[first])'"
        + (unseen.count > 1 ? " and \(unseen.count - 1) more classes" : "")
        + ", which validation has",
      remedy: "its IoU there can only be 0; give training such pixels or leave the class out")
  }

  /// Whether some maps of two classes are masks of 0 and 255, and others of 0 and 1.
  private func mixed() -> DataFinding? {
    guard table.count == 2, table.encoding.kind == .direct, !hasBoth, let first = binary.first,
      totals.values.contains(where: { $0.counts[1] > 0 })
    else { return nil }
    return DataFinding(
      path: first.split.rawValue, rule: "label/mixed-masks", severity: .error,
      problem: "has maps of 0 and 255 alone, which is ignored, beside maps of 0 and 1: "
        + first.folder.relativeLabelPath(first.index)
        + (binary.count > 1 ? " and \(binary.count - 1) more" : ""),
      remedy: "store class indices, not 255, for what is to be learned")
  }

  /// Whether classes are missing where much is ignored: masks of 0 and 255 look like this.
  private func sea(
    in total: LabelHistogram, of split: SegmentationFolder.Split, absent: [Int]
  ) -> DataFinding? {
    let pixels = total.counts.reduce(0, +)
    let ignored = total.counts[Int(LabelEncoding.ignored)]
    guard ignored > 0, ignored >= pixels / 20 else { return nil }
    let isBinary = total.values.filter { $0 != Int(LabelEncoding.ignored) }.count < 2
    return DataFinding(
      path: split.rawValue, rule: "label/ignored-class", severity: isBinary ? .error : .warning,
      problem: "ignores \(100 * ignored / pixels) % of all pixels (255) and has none of class "
        + "'\(table.names[absent[0]])'"
        + (isBinary ? ": these are probably masks of 0 and 255" : ""),
      remedy: "store class indices, not 255, for what is to be learned")
  }

  /// Whether the maps look as if their values were moved by one against the class table.
  private func shift() -> DataFinding? {
    var all = LabelHistogram()
    for total in totals.values { all.add(total) }
    let values = all.values.filter { $0 != 255 }
    guard let lowest = values.first, let highest = values.last else { return nil }
    let pixels = all.counts.reduce(0, +)
    if table.encoding.kind == .reduceZero, highest == table.count - 1, lowest == 0 {
      return DataFinding(
        path: "annotations", rule: "label/shifted", severity: .warning,
        problem: "holds values from 0 to \(highest) where the classes are stored as 1 to "
          + "\(table.count): "
          + "0 is probably the first class (\(100 * all.counts[0] / max(1, pixels)) % of all pixels)",
        remedy: "use --labels direct if 0 is '\(table.names[0])'")
    }
    if table.encoding.kind == .direct, highest == table.count - 1, lowest == 1 {
      return DataFinding(
        path: "annotations", rule: "label/shifted", severity: .note,
        problem: "holds no pixel of value 0, '\(table.names[0])'",
        remedy: "use a class table with ids from 1 if values start at 1")
    }
    return nil
  }
}
