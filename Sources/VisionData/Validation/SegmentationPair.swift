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
  private var masks: MaskStatistics
  /// Stored values of each split.
  private var totals: [String: LabelHistogram] { masks.totals }

  init(
    _ pairs: [SegmentationPair], _ outcomes: [SegmentationPair.Outcome],
    _ table: SegmentationClasses
  ) {
    self.table = table
    masks = MaskStatistics(table)
    for (pair, outcome) in zip(pairs, outcomes) {
      guard let histogram = outcome.histogram else { continue }
      masks.add(
        histogram, of: pair.folder.relativeLabelPath(pair.index), in: pair.split.rawValue)
    }
  }

  func findings() -> [DataFinding] {
    var findings = masks.findings()
    if let finding = shift() { findings.append(finding) }
    if let finding = unlearned() { findings.append(finding) }
    for (split, total) in totals.sorted(by: { $0.key < $1.key }) {
      let absent = masks.absent(in: total)
      guard !absent.isEmpty else { continue }
      let named = absent.prefix(8).map { table.names[$0] }.joined(separator: ", ")
      findings.append(
        DataFinding(
          path: split, rule: "label/absent-class", severity: .note,
          problem: "has no pixel of \(absent.count) of \(table.count) classes (\(named)"
            + (absent.count > 8 ? ", …)" : ")"),
          remedy: split == SegmentationFolder.Split.training.rawValue
            ? "nothing needs to be done; they cannot be learned"
            : "nothing needs to be done; their scores are NaN and leave the means"))
    }
    return findings
  }

  /// Whether validation asks for classes that training never shows.
  private func unlearned() -> DataFinding? {
    let splits = SegmentationFolder.Split.self
    guard let training = totals[splits.training.rawValue],
      let validation = totals[splits.validation.rawValue]
    else { return nil }
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
