import Geometry

/// The masks of many objects in flat arrays: about 8 bytes a coordinate and nothing per object but
/// its slot.
public struct CocoSegmentations: Sendable {
  /// Where the mask of one object lies.
  struct Slot: Sendable {
    enum Kind: UInt8 { case none, polygons, uncompressedRuns, compressedRuns }
    var kind = Kind.none
    /// Whether there was a mask that could not be read.
    var isDamaged = false
    // Polygons: a range of `polygonEnds`; run lengths: a range of `runText`.
    var start = 0, end = 0
    // The size that run lengths carry with them.
    var height: UInt32 = 0, width: UInt32 = 0
  }

  var slots: [Slot] = []
  // Corners of all polygons, and where each polygon ends.
  var corners: [Double] = []
  var polygonEnds: [Int] = []
  // Compressed run lengths, whatever form the file has.
  var runText: [UInt8] = []

  /// How many objects there are.
  public var count: Int { slots.count }

  /// Whether an object has a mask.
  public func hasMask(_ index: Int) -> Bool { slots[index].kind != .none }

  /// Whether an object had a mask that could not be read; it is drawn as an empty one.
  public func isDamaged(_ index: Int) -> Bool { slots[index].isDamaged }

  private func cornerRange(_ polygon: Int) -> Range<Int> {
    (polygon == 0 ? 0 : polygonEnds[polygon - 1])..<polygonEnds[polygon]
  }

  /// The shape of an object.
  public subscript(index: Int) -> CocoSegmentation {
    let slot = slots[index]
    switch slot.kind {
    case .none: return .none
    case .polygons:
      return .polygons((slot.start..<slot.end).map { Array(corners[cornerRange($0)]) })
    case .uncompressedRuns, .compressedRuns:
      let mask = runText.withUnsafeBufferPointer { text in
        try? RunLengthMask(
          height: Int(slot.height), width: Int(slot.width),
          compressedCounts: UnsafeBufferPointer(rebasing: text[slot.start..<slot.end]))
      }
      return mask.map { .runs($0, isCompressed: slot.kind == .compressedRuns) } ?? .none
    }
  }

  /// The mask of an object in an image of a size; nil where it has none.
  ///
  /// Run lengths keep their own size.
  ///
  /// - Throws: `MaskError.wrongSize` for an image too large for a mask.
  public func mask(
    _ index: Int, height: Int, width: Int
  ) throws(MaskError) -> RunLengthMask? {
    switch self[index] {
    case .none: nil
    case .polygons(let polygons):
      try RunLengthMask(height: height, width: width, polygons: polygons)
    case .runs(let mask, _): mask
    }
  }

  /// A mask in scratch memory, with the size of the image it belongs to.
  public struct Drawn {
    /// The mask.
    public let slot: MaskIntervals.Slot
    /// The image's size, by the mask's own account.
    public let height, width: Int
  }

  /// Draws the mask of an object into scratch memory; an object without one gives an empty mask.
  public func draw(
    _ index: Int, into intervals: MaskIntervals, height: Int, width: Int
  ) -> Drawn {
    let slot = slots[index]
    switch slot.kind {
    case .none: return Drawn(slot: .empty, height: height, width: width)
    case .polygons:
      let drawn = corners.withUnsafeBufferPointer { corners in
        polygonEnds.withUnsafeBufferPointer { ends in
          corners.baseAddress.map {
            intervals.appendPolygons(
              corners: $0, start: slot.start == 0 ? 0 : ends[slot.start - 1],
              ends: UnsafeBufferPointer(rebasing: ends[slot.start..<slot.end]), height: height,
              width: width)
          }
        }
      }
      return Drawn(slot: drawn ?? .empty, height: height, width: width)
    case .uncompressedRuns, .compressedRuns:
      let (height, width) = (Int(slot.height), Int(slot.width))
      let drawn = runText.withUnsafeBufferPointer { text in
        intervals.append(
          compressedCounts: UnsafeBufferPointer(rebasing: text[slot.start..<slot.end]),
          height: height, width: width)
      }
      return Drawn(slot: drawn ?? .empty, height: height, width: width)
    }
  }

  // MARK: Filling

  /// Adds an object's shape and returns its slot.
  mutating func append(_ segmentation: CocoSegmentation) {
    var slot = Slot()
    switch segmentation {
    case .none: break
    case .polygons(let polygons):
      slot.kind = .polygons
      slot.start = polygonEnds.count
      for polygon in polygons {
        corners += polygon
        polygonEnds.append(corners.count)
      }
      slot.end = polygonEnds.count
    case .runs(let mask, let isCompressed):
      slot.kind = isCompressed ? .compressedRuns : .uncompressedRuns
      slot.start = runText.count
      runText += mask.compressedCounts
      slot.end = runText.count
      slot.height = UInt32(mask.height)
      slot.width = UInt32(mask.width)
    }
    slots.append(slot)
  }

  /// Joins the shapes of several parts of a file, each emptied as it is taken over.
  static func joined(_ parts: inout [CocoSegmentations]) -> CocoSegmentations {
    var all = CocoSegmentations()
    all.slots.reserveCapacity(parts.reduce(0) { $0 + $1.slots.count })
    all.corners.reserveCapacity(parts.reduce(0) { $0 + $1.corners.count })
    all.polygonEnds.reserveCapacity(parts.reduce(0) { $0 + $1.polygonEnds.count })
    all.runText.reserveCapacity(parts.reduce(0) { $0 + $1.runText.count })
    for index in parts.indices {
      let (cornerBase, polygonBase, textBase) = (
        all.corners.count, all.polygonEnds.count, all.runText.count
      )
      for var slot in parts[index].slots {
        let base = slot.kind == .polygons ? polygonBase : textBase
        slot.start += base
        slot.end += base
        all.slots.append(slot)
      }
      all.corners += parts[index].corners
      for end in parts[index].polygonEnds { all.polygonEnds.append(end + cornerBase) }
      all.runText += parts[index].runText
      parts[index] = CocoSegmentations()
    }
    return all
  }

  /// Keeps the shapes of some objects, in ascending order; what others filled stays unused.
  mutating func keep(_ indices: [Int]) {
    slots = indices.map { slots[$0] }
  }
}

extension CocoSegmentations {
  /// Draws a box as the polygon that the reference loader makes of it.
  public static func drawn(
    _ box: CocoBox, into intervals: MaskIntervals, height: Int, width: Int
  ) -> Drawn {
    let corners = box.polygon
    let slot = corners.withUnsafeBufferPointer { corners in
      [corners.count].withUnsafeBufferPointer { ends in
        corners.baseAddress.map {
          intervals.appendPolygons(
            corners: $0, start: 0, ends: ends, height: height, width: width)
        }
      }
    }
    return Drawn(slot: slot ?? .empty, height: height, width: width)
  }
}
