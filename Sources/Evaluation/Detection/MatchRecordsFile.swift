import FileSupport
import Foundation

// The file: eight letters, a version, the counts, then the arrays as little-endian numbers, and the
// CRC-32 of everything before it. Records by other rules than COCO's own have these behind the limits,
// and another version.

extension MatchRecords {
  private static let (magic, ruledMagic) = ("SBMATCH1", "SBMATCH2")

  /// Whether the first version says everything.
  private var hasCocoRules: Bool {
    var usual = CocoProtocol(maxDetections: settings.maxDetections)
    usual.overlapThresholds = settings.overlapThresholds
    usual.recallThresholds = settings.recallThresholds
    usual.areaRanges = settings.areaRanges
    usual.usesCategories = settings.usesCategories
    usual.missesZeroID = settings.missesZeroID
    if settings.detectionSize == .mask { usual.detectionSize = .mask }
    return settings == usual && categoryGroups.isEmpty
  }

  /// Writes the records to a file.
  ///
  /// - Throws: `FileError` when it cannot be written.
  public func write(to path: String) throws(FileError) {
    let isUsual = hasCocoRules
    var bytes = Array((isUsual ? Self.magic : Self.ruledMagic).utf8)
    func put<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func put(_ numbers: [Double]) { for number in numbers { put(number.bitPattern) } }
    func put(_ text: String) {
      put(UInt32(text.utf8.count))
      bytes.append(contentsOf: text.utf8)
    }
    put(overlapType.rawValue)
    put(UInt32(settings.overlapThresholds.count))
    put(settings.overlapThresholds)
    put(UInt32(settings.recallThresholds.count))
    put(settings.recallThresholds)
    put(UInt32(settings.areaRanges.count))
    for range in settings.areaRanges {
      put(range.name)
      put([range.low, range.high])
    }
    put(UInt32(settings.maxDetections.count))
    for limit in settings.maxDetections { put(UInt64(limit)) }
    put(UInt8(settings.usesCategories ? 1 : 0))
    put(UInt8(settings.missesZeroID ? 1 : 0))
    put(settings.detectionSize.rawValue)
    if !isUsual {
      let flags = [settings.ignoresMarked, settings.isFederated, settings.leavesCrowdsOut]
      for flag in flags { put(UInt8(flag ? 1 : 0)) }
      put(UInt64(settings.imageLimit ?? 0))
      put([settings.lowestScore, settings.boundaryRatio])
      put(UInt32(settings.keypointSigmas.count))
      put(settings.keypointSigmas)
      put(UInt32(categoryGroups.count))
      for group in categoryGroups { put(group) }
    }
    for ids in [imageIDs, categoryIDs, categoryStarts, cellEnds] {
      put(UInt64(ids.count))
      for id in ids { put(Int64(id)) }
    }
    for list in [cellImages, objectCounts] {
      put(UInt64(list.count))
      for number in list { put(number) }
    }
    put(UInt64(scores.count))
    put(scores)
    for list in [matched, ignored] {
      put(UInt64(list.count))
      for bits in list { put(bits) }
    }
    put(bytes.withUnsafeBytes { crc32($0) })
    try AtomicFile.write(bytes, to: path)
  }

  /// Reads records that were written before.
  ///
  /// - Throws: `FileError` when the file cannot be read, or is damaged or none of these.
  public init(path: String) throws(FileError) {
    let file = try FileBytes(path: path)
    guard let records = Self.parsed(file.bytes) else {
      throw FileError(
        path: path, problem: "holds no match records, or damaged ones",
        remedy: "run bench-coco evaluate again", exitCode: .badData)
    }
    self = records
  }

  private static func parsed(_ bytes: UnsafeRawBufferPointer) -> MatchRecords? {
    let end = bytes.count - 4
    guard end >= magic.utf8.count else { return nil }
    let version = String(decoding: bytes.prefix(magic.utf8.count), as: UTF8.self)
    guard version == magic || version == ruledMagic,
      bytes.loadUnaligned(fromByteOffset: end, as: UInt32.self).littleEndian
        == crc32(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    else { return nil }
    var reader = RecordReader(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
    reader.at = magic.utf8.count
    guard let type = reader.text().flatMap(OverlapType.init(rawValue:)),
      var settings = reader.settings(),
      let groups = version == magic ? [] : reader.rules(&settings),
      let imageIDs = reader.integers(),
      let categoryIDs = reader.integers(), let categoryStarts = reader.integers(),
      let cellEnds = reader.integers(), let cellImages = reader.numbers(Int32.self),
      let objectCounts = reader.numbers(Int32.self), let scores = reader.doubles(),
      let matched = reader.numbers(UInt16.self), let ignored = reader.numbers(UInt16.self),
      reader.at == end
    else { return nil }
    let records = MatchRecords(
      overlapType: type, settings: settings, imageIDs: imageIDs, categoryIDs: categoryIDs,
      categoryGroups: groups, categoryStarts: categoryStarts, cellImages: cellImages,
      cellEnds: cellEnds,
      objectCounts: objectCounts, scores: scores, matched: matched, ignored: ignored)
    return records.isConsistent ? records : nil
  }

  /// Whether all lists fit each other, so that reading them cannot go astray.
  private var isConsistent: Bool {
    func ascends(_ list: [Int], to end: Int) -> Bool {
      (list.first ?? 0) >= 0 && (list.last ?? 0) == end
        && zip(list, list.dropFirst()).allSatisfy { $0 <= $1 }
    }
    let ranges = settings.areaRanges.count
    return (categoryGroups.isEmpty || categoryGroups.count == categoryIDs.count)
      && categoryStarts.count == categoryIDs.count + 1 && categoryStarts.first == 0
      && ascends(categoryStarts, to: cellImages.count) && cellEnds.count == cellImages.count
      && ascends(cellEnds, to: scores.count)
      && cellImages.allSatisfy { $0 >= 0 && Int($0) < imageIDs.count }
      && objectCounts.count == cellImages.count * ranges
      && matched.count == scores.count * ranges && ignored.count == scores.count * ranges
  }
}

/// Reads numbers one after the other; nil where the bytes end.
private struct RecordReader {
  let bytes: UnsafeRawBufferPointer
  var at = 0

  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
    let size = MemoryLayout<Number>.size
    guard at + size <= bytes.count else { return nil }
    defer { at += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: Number.self))
  }

  /// A count of items of a size that the bytes left can hold.
  private mutating func count(_ size: Int) -> Int? {
    guard let count = number(UInt64.self), count <= UInt64((bytes.count - at) / size) else {
      return nil
    }
    return Int(count)
  }

  mutating func numbers<Number: FixedWidthInteger>(_ type: Number.Type) -> [Number]? {
    guard let count = count(MemoryLayout<Number>.size) else { return nil }
    return (0..<count).compactMap { _ in number(type) }
  }

  mutating func integers() -> [Int]? { numbers(Int64.self)?.map { Int($0) } }

  mutating func doubles() -> [Double]? {
    numbers(UInt64.self)?.map { Double(bitPattern: $0) }
  }

  private mutating func shortDoubles() -> [Double]? {
    guard let count = number(UInt32.self), Int(count) <= (bytes.count - at) / 8 else { return nil }
    return (0..<count).compactMap { _ in number(UInt64.self).map { Double(bitPattern: $0) } }
  }

  mutating func text() -> String? {
    guard let count = number(UInt32.self), Int(count) <= bytes.count - at else { return nil }
    defer { at += Int(count) }
    return String(decoding: bytes[at..<at + Int(count)], as: UTF8.self)
  }

  mutating func settings() -> CocoProtocol? {
    guard let thresholds = shortDoubles(), (1...16).contains(thresholds.count),
      let recalls = shortDoubles(), !recalls.isEmpty, let rangeCount = number(UInt32.self),
      (1...8).contains(rangeCount)
    else { return nil }
    var ranges: [AreaRange] = []
    for _ in 0..<rangeCount {
      guard let name = text(), let low = number(UInt64.self), let high = number(UInt64.self) else {
        return nil
      }
      ranges.append(AreaRange(name, Double(bitPattern: low), Double(bitPattern: high)))
    }
    guard let limitCount = number(UInt32.self), limitCount > 0,
      Int(limitCount) <= (bytes.count - at) / 8
    else { return nil }
    let limits = (0..<limitCount).compactMap { _ in number(UInt64.self).flatMap(Int.init(exactly:))
    }
    guard limits.count == limitCount, limits.allSatisfy({ $0 > 0 }),
      let usesCategories = number(UInt8.self), let missesZeroID = number(UInt8.self),
      let size = number(UInt8.self).flatMap(DetectionSize.init(rawValue:))
    else { return nil }
    var settings = CocoProtocol(maxDetections: limits)
    settings.overlapThresholds = thresholds
    settings.recallThresholds = recalls
    settings.areaRanges = ranges
    settings.usesCategories = usesCategories == 1
    settings.missesZeroID = missesZeroID == 1
    settings.detectionSize = size
    return settings
  }

  /// Rules that are not COCO's own, and the groups of categories.
  mutating func rules(_ settings: inout CocoProtocol) -> [String]? {
    guard let ignoresMarked = number(UInt8.self), let isFederated = number(UInt8.self),
      let leavesCrowdsOut = number(UInt8.self),
      let limit = number(UInt64.self).flatMap(Int.init(exactly:)),
      let lowest = number(UInt64.self), let ratio = number(UInt64.self),
      let sigmas = shortDoubles(), let groupCount = number(UInt32.self),
      Int(groupCount) <= (bytes.count - at) / 4
    else { return nil }
    settings.ignoresMarked = ignoresMarked == 1
    settings.isFederated = isFederated == 1
    settings.leavesCrowdsOut = leavesCrowdsOut == 1
    settings.imageLimit = limit == 0 ? nil : limit
    settings.lowestScore = Double(bitPattern: lowest)
    settings.boundaryRatio = Double(bitPattern: ratio)
    settings.keypointSigmas = sigmas
    let groups = (0..<groupCount).compactMap { _ in text() }
    return groups.count == groupCount ? groups : nil
  }
}
