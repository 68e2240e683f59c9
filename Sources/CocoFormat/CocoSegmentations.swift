import Geometry
import Threads

/// The masks of many objects in flat arrays: about 8 bytes a coordinate and nothing per object but
/// its slot.
///
/// The arrays are those of the parts in which a file was read, taken over as they are.
public struct CocoSegmentations: Sendable {
  /// Where the mask of one object lies.
  struct Slot: Sendable {
    enum Kind: UInt8 { case none, polygons, uncompressedRuns, compressedRuns }
    var kind = Kind.none
    /// Whether there was a mask that could not be read.
    var isDamaged = false
    /// Whether there are polygons that cannot be drawn, because the size of the image is not known.
    var isUnsized = false
    /// The part that holds it.
    var part: UInt32 = 0
    // Polygons: a range of `polygonEnds`; run lengths: a range of `runText`.
    var start = 0
    var count: UInt32 = 0
    // The size that run lengths carry with them.
    var height: UInt32 = 0, width: UInt32 = 0

    var range: Range<Int> { start..<start + Int(count) }
  }

  /// What the masks of one part are made of.
  struct Part: Sendable {
    // Corners of all polygons, and where each polygon ends.
    var corners: [Double] = []
    var polygonEnds: [Int] = []
    // Compressed run lengths, whatever form the file has.
    var runText: [UInt8] = []

    fileprivate func cornerRange(_ polygon: Int) -> Range<Int> {
      (polygon == 0 ? 0 : polygonEnds[polygon - 1])..<polygonEnds[polygon]
    }
  }

  var slots: [Slot] = []
  /// What is being filled, or the only part.
  var filling = Part()
  /// The parts of what was joined.
  private var parts: [Part] = []
  /// Area and bounds of masks that were measured as they were read, of the first so many objects.
  private var extents: [MaskExtent] = []
  private static let unknown = MaskExtent(area: .max, minX: 0, minY: 0, maxX: 0, maxY: 0)

  /// No masks yet.
  init() {}

  /// The objects of several parts, one part after the other.
  init(joining parts: [CocoSegmentations]) {
    self.parts = parts.map(\.filling)
    let counts = parts.map(\.slots.count)
    slots = threadConcatenate(counts) { part, room in
      for (place, var slot) in parts[part].slots.enumerated() {
        slot.part = UInt32(part)
        room.initializeElement(at: place, to: slot)
      }
    }
    guard parts.contains(where: { !$0.extents.isEmpty }) else { return }
    extents = threadConcatenate(counts) { part, room in
      let known = parts[part].extents
      for place in room.indices {
        room.initializeElement(at: place, to: place < known.count ? known[place] : Self.unknown)
      }
    }
  }

  /// Area and bounds of the mask of an object; nil where they are not known before it is drawn.
  public func extent(of index: Int) -> MaskExtent? {
    guard index < extents.count, extents[index] != Self.unknown else { return nil }
    return extents[index]
  }

  /// Keeps the area and bounds of the mask of an object, behind those that are kept.
  mutating func setExtent(_ extent: MaskExtent, of index: Int) {
    if extents.count < index {
      extents.append(contentsOf: repeatElement(Self.unknown, count: index - extents.count))
    }
    extents.append(extent)
  }

  private func part(of slot: Slot) -> Part {
    parts.isEmpty ? filling : parts[Int(slot.part)]
  }

  /// How many objects there are.
  public var count: Int { slots.count }

  /// How many objects have a mask.
  var maskCount: Int {
    var count = 0
    for slot in slots where slot.kind != .none { count += 1 }
    return count
  }

  /// Whether an object has a mask.
  public func hasMask(_ index: Int) -> Bool { slots[index].kind != .none }

  /// Whether an object had a mask that could not be read; it is drawn as an empty one.
  public func isDamaged(_ index: Int) -> Bool { slots[index].isDamaged }

  /// Whether an object has polygons in an image whose size is not known: it counts as one without a
  /// mask.
  public func isUnsized(_ index: Int) -> Bool { slots[index].isUnsized }

  /// Whether the polygons of a slot that is not joined yet all lie outside of an image.
  func liesOutside(_ slot: Slot, height: Int, width: Int) -> Bool {
    slot.range.allSatisfy { polygon in
      let range = filling.cornerRange(polygon)
      // Whether all corners so far are left of, right of, above or below the image.
      var (left, right, above, below) = (true, true, true, true)
      for at in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
        let (x, y) = (filling.corners[at], filling.corners[at + 1])
        left = left && x < 0
        right = right && x > Double(width)
        above = above && y < 0
        below = below && y > Double(height)
        guard left || right || above || below else { return false }
      }
      return true
    }
  }

  /// The shape of an object.
  public subscript(index: Int) -> CocoSegmentation {
    let slot = slots[index]
    let part = part(of: slot)
    switch slot.kind {
    case .none: return .none
    case .polygons:
      return .polygons(slot.range.map { Array(part.corners[part.cornerRange($0)]) })
    case .uncompressedRuns, .compressedRuns:
      let mask = part.runText.withUnsafeBufferPointer { text in
        try? RunLengthMask(
          height: Int(slot.height), width: Int(slot.width),
          compressedCounts: UnsafeBufferPointer(rebasing: text[slot.range]))
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
      let part = part(of: slot)
      let drawn = part.corners.withUnsafeBufferPointer { corners in
        part.polygonEnds.withUnsafeBufferPointer { ends in
          corners.baseAddress.map {
            intervals.appendPolygons(
              corners: $0, start: slot.start == 0 ? 0 : ends[slot.start - 1],
              ends: UnsafeBufferPointer(rebasing: ends[slot.range]), height: height,
              width: width)
          }
        }
      }
      return Drawn(slot: drawn ?? .empty, height: height, width: width)
    case .uncompressedRuns, .compressedRuns:
      let (height, width) = (Int(slot.height), Int(slot.width))
      let drawn = part(of: slot).runText.withUnsafeBufferPointer { text in
        intervals.append(
          compressedCounts: UnsafeBufferPointer(rebasing: text[slot.range]),
          height: height, width: width)
      }
      return Drawn(slot: drawn ?? .empty, height: height, width: width)
    }
  }

  // MARK: Filling

  /// Adds an object's shape.
  mutating func append(_ segmentation: CocoSegmentation) {
    switch segmentation {
    case .none: slots.append(Slot())
    case .polygons(let polygons):
      let start = filling.polygonEnds.count
      for polygon in polygons {
        filling.corners += polygon
        filling.polygonEnds.append(filling.corners.count)
      }
      slots.append(polygonSlot(from: start))
    case .runs(let mask, let isCompressed):
      let start = filling.runText.count
      filling.runText += mask.compressedCounts
      slots.append(
        runSlot(
          from: start, isCompressed: isCompressed, height: mask.height, width: mask.width))
    }
  }

  /// The slot of an object whose polygons are those from `start` on.
  func polygonSlot(from start: Int) -> Slot {
    var slot = Slot()
    slot.kind = .polygons
    slot.start = start
    slot.count = UInt32(filling.polygonEnds.count - start)
    return slot
  }

  /// The slot of an object whose run lengths are those from `start` on.
  func runSlot(from start: Int, isCompressed: Bool, height: Int, width: Int) -> Slot {
    var slot = Slot()
    slot.kind = isCompressed ? .compressedRuns : .uncompressedRuns
    slot.start = start
    slot.count = UInt32(filling.runText.count - start)
    slot.height = UInt32(height)
    slot.width = UInt32(width)
    return slot
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
