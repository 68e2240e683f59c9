import FileSupport

/// What the stored values of label maps tell about masks of 0 and 255, where 255 does not count.
public struct MaskStatistics: Sendable {
  private let table: SegmentationClasses
  /// Stored values of each split or folder.
  private(set) var totals: [String: LabelHistogram] = [:]
  /// Maps of 0 and 255 alone, a good part of them 255; and whether others have 1 beside 255.
  private var binary: [(split: String, map: String)] = []
  private var hasBoth = false

  /// Of no map.
  public init(_ table: SegmentationClasses) { self.table = table }

  /// Takes a map.
  ///
  /// - Parameters:
  ///   - histogram: Its stored values.
  ///   - map: Its name in findings.
  ///   - split: The split or folder that it is of.
  public mutating func add(_ histogram: LabelHistogram, of map: String, in split: String) {
    totals[split, default: LabelHistogram()].add(histogram)
    let ignored = histogram.counts[Int(LabelEncoding.ignored)]
    guard ignored > 0, ignored * 20 >= histogram.counts.reduce(0, +) else { return }
    if histogram.counts[1] > 0 { hasBoth = true }
    if histogram.values == [0, Int(LabelEncoding.ignored)] { binary.append((split, map)) }
  }

  /// What is wrong with the maps; errors where they are masks of 0 and 255.
  public func findings() -> [DataFinding] {
    let seas = totals.sorted { $0.key < $1.key }.compactMap { sea(in: $1, of: $0) }
    return [mixed()].compactMap { $0 } + seas
  }

  /// The classes of which a split has no pixel.
  func absent(in total: LabelHistogram) -> [Int] {
    (0..<table.count).filter {
      total.counts[Int(table.encoding.storedValue(of: UInt8($0)))] == 0
    }
  }

  /// Whether some maps of two classes are masks of 0 and 255, and others of 0 and 1.
  private func mixed() -> DataFinding? {
    guard table.count == 2, table.encoding.kind == .direct, !hasBoth, let first = binary.first,
      totals.values.contains(where: { $0.counts[1] > 0 })
    else { return nil }
    return DataFinding(
      path: first.split, rule: "label/mixed-masks", severity: .error,
      problem: "has maps of 0 and 255 alone, which is ignored, beside maps of 0 and 1: "
        + first.map + (binary.count > 1 ? " and \(binary.count - 1) more" : ""),
      remedy: LabelEncoding.binaryRemedy)
  }

  /// Whether classes are missing where much is ignored: masks of 0 and 255 look like this.
  private func sea(in total: LabelHistogram, of split: String) -> DataFinding? {
    guard let absent = absent(in: total).first else { return nil }
    let pixels = total.counts.reduce(0, +)
    let ignored = total.counts[Int(LabelEncoding.ignored)]
    guard ignored > 0, ignored >= pixels / 20 else { return nil }
    let isBinary = total.isBinary
    let isNothing = ignored == pixels
    return DataFinding(
      path: split, rule: "label/ignored-class",
      severity: isBinary || isNothing ? .error : .warning,
      problem: "ignores \(100 * ignored / pixels) % of all pixels (255) and has none of class "
        + "'\(table.names[absent])'"
        + (isBinary ? ": these are probably masks of 0 and 255" : ""),
      remedy: LabelEncoding.binaryRemedy)
  }
}
