/// Many masks as sorted intervals of foreground pixels, back to back in one growing buffer.
///
/// This is scratch memory for code that compares thousands of masks: filling and clearing it costs
/// no allocation once it has grown. Positions count pixels down the columns.
public final class MaskIntervals {
  /// Where one mask lies in the buffer, with its area and its bounds in whole pixels.
  public struct Slot: Sendable, Equatable {
    let start, count: Int
    /// Pixels inside.
    public let area: Int
    /// Bounds, half-open; all 0 for an empty mask.
    public let minX, minY, maxX, maxY: Int

    /// A mask of no pixels.
    public static let empty = Slot(
      start: 0, count: 0, area: 0, minX: 0, minY: 0, maxX: 0, maxY: 0)

    /// Area and bounds alone.
    public var extent: MaskExtent {
      MaskExtent(
        area: UInt32(area), minX: UInt32(minX), minY: UInt32(minY), maxX: UInt32(maxX),
        maxY: UInt32(maxY))
    }
  }

  // Pairs of first pixel and the pixel after the last.
  private(set) var bounds: UnsafeMutablePointer<UInt32>
  private var capacity = 1024
  // Intervals in use.
  private(set) var count = 0
  // Bitmaps of the mask at hand, one bit a pixel.
  var bitmaps: [UInt64] = []
  private let rasterizer = PolygonRasterizer()

  /// An empty buffer.
  public init() { bounds = .allocate(capacity: 2 * capacity) }

  deinit { bounds.deallocate() }

  /// Forgets all masks; slots handed out before are void.
  public func removeAll() { count = 0 }

  private func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    let larger = max(2 * capacity, count + more)
    let moved = UnsafeMutablePointer<UInt32>.allocate(capacity: 2 * larger)
    moved.update(from: bounds, count: 2 * count)
    bounds.deallocate()
    bounds = moved
    capacity = larger
  }

  // MARK: Filling

  /// Adds a mask given by canonical run lengths.
  public func append(runs: [UInt32], height: Int) -> Slot {
    let start = count
    reserve(runs.count / 2 + 1)
    var position: UInt32 = 0
    for (index, run) in runs.enumerated() {
      if index % 2 == 1 {
        bounds[2 * count] = position
        bounds[2 * count + 1] = position + run
        count += 1
      }
      position += run
    }
    return finish(from: start, height: height)
  }

  /// Adds a mask given by COCO's compressed counts; nil when they are no mask of that size.
  public func append(
    compressedCounts text: UnsafeBufferPointer<UInt8>, height: Int, width: Int
  ) -> Slot? {
    let start = count
    reserve(text.count / 2 + 1)
    guard let decoded = Self.decode(text, height: height, width: width, into: bounds + 2 * start)
    else { return nil }
    guard decoded.count > 0 else { return .empty }
    count += decoded.count
    return Slot(
      start: start, count: decoded.count, area: decoded.area, minX: decoded.minX,
      minY: decoded.minY, maxX: decoded.maxX, maxY: decoded.maxY)
  }

  /// Adds the union of polygons as the reference tools rasterise them.
  ///
  /// - Parameters:
  ///   - corners: x0, y0, x1, y1, … of all polygons one after the other.
  ///   - ends: Where the polygons end in `corners`; the first starts at `start`.
  public func appendPolygons(
    corners: UnsafePointer<Double>, start: Int, ends: UnsafeBufferPointer<Int>, height: Int,
    width: Int
  ) -> Slot {
    var from = start
    var joined: Slot?
    for end in ends {
      let polygon = UnsafeBufferPointer(start: corners + from, count: end - from)
      from = end
      let part = appendPolygon(polygon, height: height, width: width)
      joined = joined.map { appendUnion($0, part, height: height) } ?? part
    }
    return joined ?? .empty
  }

  private func appendPolygon(
    _ corners: UnsafeBufferPointer<Double>, height: Int, width: Int
  ) -> Slot {
    let start = count
    let crossings = rasterizer.crossings(of: corners, height: height, width: width)
    reserve(crossings.count / 2 + 1)
    var at = 0
    while at < crossings.count {
      let first = crossings[at]
      let last = at + 1 < crossings.count ? crossings[at + 1] : UInt32(height * width)
      at += 2
      guard last > first else { continue }
      if count > start, bounds[2 * count - 1] == first {
        bounds[2 * count - 1] = last
      } else {
        bounds[2 * count] = first
        bounds[2 * count + 1] = last
        count += 1
      }
    }
    return finish(from: start, height: height)
  }

  /// Adds the union of masks that are here already.
  func appendUnion(of parts: [Slot], height: Int) -> Slot {
    guard var joined = parts.first else { return .empty }
    for part in parts.dropFirst() { joined = appendUnion(joined, part, height: height) }
    return joined
  }

  private func appendUnion(_ a: Slot, _ b: Slot, height: Int) -> Slot {
    reserve(a.count + b.count)
    let start = count
    var (i, j) = (a.start, b.start)
    let (iEnd, jEnd) = (a.start + a.count, b.start + b.count)
    while i < iEnd || j < jEnd {
      let takesFirst = j == jEnd || (i < iEnd && bounds[2 * i] <= bounds[2 * j])
      let next = takesFirst ? i : j
      if takesFirst { i += 1 } else { j += 1 }
      let (first, last) = (bounds[2 * next], bounds[2 * next + 1])
      if count > start, bounds[2 * count - 1] >= first {
        bounds[2 * count - 1] = max(bounds[2 * count - 1], last)
      } else {
        bounds[2 * count] = first
        bounds[2 * count + 1] = last
        count += 1
      }
    }
    return finish(from: start, height: height)
  }

  /// Adds an interval behind the others of the mask that started at `start`.
  func append(_ first: UInt32, _ last: UInt32, from start: Int) {
    if count > start, bounds[2 * count - 1] == first {
      bounds[2 * count - 1] = last
    } else {
      reserve(1)
      bounds[2 * count] = first
      bounds[2 * count + 1] = last
      count += 1
    }
  }

  /// Area and bounds of the intervals from `start` on.
  func finish(from start: Int, height: Int) -> Slot {
    guard count > start, height > 0 else { return .empty }
    let height = UInt32(height)
    var area = 0
    var (minY, maxY) = (height, UInt32(0))
    let minX = bounds[2 * start] / height
    let maxX = (bounds[2 * count - 1] - 1) / height + 1
    // 64 bits: the end of the last column can lie behind the last 32-bit number.
    var columnEnd = UInt64(minX + 1) * UInt64(height)
    for at in start..<count {
      let (first, last) = (bounds[2 * at], bounds[2 * at + 1])
      area += Int(last - first)
      while UInt64(first) >= columnEnd { columnEnd += UInt64(height) }
      if UInt64(last) > columnEnd {
        (minY, maxY) = (0, height)
      } else {
        let columnStart = UInt32(columnEnd - UInt64(height))
        minY = min(minY, first - columnStart)
        maxY = max(maxY, last - columnStart)
      }
    }
    return Slot(
      start: start, count: count - start, area: area, minX: Int(minX), minY: Int(minY),
      maxX: Int(maxX), maxY: Int(maxY))
  }

  // MARK: Reading

  /// Pixels that two masks have in common.
  public func intersectionArea(_ a: Slot, _ b: Slot) -> Int {
    guard a.count > 0, b.count > 0 else { return 0 }
    var (p, q) = (bounds + 2 * a.start, bounds + 2 * b.start)
    let (pEnd, qEnd) = (p + 2 * a.count, q + 2 * b.count)
    var area = 0
    while p < pEnd, q < qEnd {
      let first = max(p[0], q[0])
      let last = min(p[1], q[1])
      area &+= last > first ? Int(last &- first) : 0
      // Without a branch: which one ends first cannot be foreseen.
      let stepP = p[1] <= q[1] ? 2 : 0
      let stepQ = q[1] <= p[1] ? 2 : 0
      p += stepP
      q += stepQ
    }
    return area
  }

  /// A mask as a value of its own.
  public func mask(_ slot: Slot, height: Int, width: Int) -> RunLengthMask {
    var runs: [UInt32] = []
    runs.reserveCapacity(2 * slot.count + 1)
    var position: UInt32 = 0
    for at in slot.start..<slot.start + slot.count {
      runs.append(bounds[2 * at] - position)
      runs.append(bounds[2 * at + 1] - bounds[2 * at])
      position = bounds[2 * at + 1]
    }
    let rest = UInt32(height * width) - position
    if rest > 0 || runs.isEmpty { runs.append(rest) }
    return RunLengthMask(height: height, width: width, canonicalRuns: runs)
  }
}

/// Area and bounds of a mask: enough to tell that two masks are far from each other.
public struct MaskExtent: Sendable, Equatable {
  /// Pixels inside.
  public let area: UInt32
  /// Bounds in whole pixels, half-open; all 0 for an empty mask.
  public let minX, minY, maxX, maxY: UInt32

  /// The extent of a mask with so many pixels inside of so wide bounds.
  public init(area: UInt32, minX: UInt32, minY: UInt32, maxX: UInt32, maxY: UInt32) {
    self.area = area
    self.minX = minX
    self.minY = minY
    self.maxX = maxX
    self.maxY = maxY
  }

  /// Whether the intersection over union of masks of such extents can reach a threshold at all.
  ///
  /// - Parameter isCrowd: Whether the other one marks a crowd; then the area of this mask alone
  ///   stands below the fraction.
  @inlinable
  public func canOverlap(
    _ other: MaskExtent, isCrowd: Bool, atLeast threshold: Double
  ) -> Bool {
    let (right, left) = (min(maxX, other.maxX), max(minX, other.minX))
    let (bottom, top) = (min(maxY, other.maxY), max(minY, other.minY))
    guard right > left, bottom > top else { return false }
    // Both pixels in common and the quotient can be no larger than this.
    let most = min(Int(right - left) * Int(bottom - top), Int(min(area, other.area)))
    let below = isCrowd ? Int(area) : Int(area) + Int(other.area) - most
    return Double(most) / Double(below) >= threshold
  }
}
