import Geometry
import Threads

/// Says for each box which object it is to find, by overlap.
///
/// A box whose best overlap is below `negative` is background; from `positive` on it belongs to
/// that object; between the two it is ignored. With low-quality matching, every object whose best
/// overlap reaches `minimumPositive` also takes all boxes of exactly that overlap, whatever they
/// had before; later objects win.
///
/// Source: mmdet 2, MaxIoUAssigner. Differs from the source: among equal overlaps the first object
/// wins, where torch promises no order.
public struct MaxIoUAssigner: Sendable, Hashable {
  /// Overlap from which a box belongs to an object.
  public var positive: Float
  /// Overlap below which a box is background.
  public var negative: Float
  /// Overlap that low-quality matches must reach.
  public var minimumPositive: Float
  /// Whether objects without a good box take their best ones.
  public var matchesLowQuality: Bool

  /// Sets the thresholds.
  public init(
    positive: Float, negative: Float, minimumPositive: Float, matchesLowQuality: Bool
  ) {
    self.positive = positive
    self.negative = negative
    self.minimumPositive = minimumPositive
    self.matchesLowQuality = matchesLowQuality
  }

  /// What a box was given.
  public enum Assignment {
    /// Neither object nor background.
    public static let ignored: Int32 = -1
    /// Background.
    public static let background: Int32 = 0
    // Object i is i + 1.
  }

  /// Assigns every box: −1 ignored, 0 background, i + 1 object i.
  ///
  /// - Complexity: O(boxes · objects) overlaps, twice with low-quality matching.
  public func assign(_ boxes: [CornerBox], objects: [CornerBox]) -> [Int32] {
    guard !objects.isEmpty else {
      return [Int32](repeating: Assignment.background, count: boxes.count)
    }
    var result = [Int32](repeating: Assignment.ignored, count: boxes.count)
    let blockSize = 4096
    let blockCount = (boxes.count + blockSize - 1) / blockSize
    var blockBest = [Float](repeating: -1, count: blockCount * objects.count)
    boxes.withUnsafeBufferPointer { boxes in
      objects.withUnsafeBufferPointer { objects in
        result.withUnsafeMutableBufferPointer { result in
          blockBest.withUnsafeMutableBufferPointer { best in
            // Blocks write to places of their own.
            nonisolated(unsafe) let (result, best) = (result, best)
            ThreadPool.shared.forEach(blockCount) { block in
              let range = block * blockSize..<min(boxes.count, (block + 1) * blockSize)
              assignByBest(
                boxes, range, objects, into: result, objectBest: best, at: block * objects.count)
            }
            guard matchesLowQuality, blockCount > 0 else { return }
            for object in 0..<objects.count {
              for block in 1..<max(1, blockCount) {
                best[object] = max(best[object], best[block * objects.count + object])
              }
            }
            ThreadPool.shared.forEach(blockCount) { block in
              let range = block * blockSize..<min(boxes.count, (block + 1) * blockSize)
              for index in range {
                for object in 0..<objects.count where best[object] >= minimumPositive {
                  if overlap(objects[object], boxes[index]) == best[object] {
                    result[index] = Int32(object + 1)
                  }
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  private func assignByBest(
    _ boxes: UnsafeBufferPointer<CornerBox>, _ range: Range<Int>,
    _ objects: UnsafeBufferPointer<CornerBox>, into result: UnsafeMutableBufferPointer<Int32>,
    objectBest: UnsafeMutableBufferPointer<Float>, at offset: Int
  ) {
    for index in range {
      let box = boxes[index]
      var (best, chosen) = (Float(-1), 0)
      for object in 0..<objects.count {
        let value = overlap(objects[object], box)
        if value > best { (best, chosen) = (value, object) }
        if value > objectBest[offset + object] { objectBest[offset + object] = value }
      }
      if best >= 0, best < negative { result[index] = Assignment.background }
      if best >= positive { result[index] = Int32(chosen + 1) }
    }
  }
}

/// Intersection over union in single precision; the union is at least 1e-6.
@inline(__always)
public func overlap(_ a: CornerBox, _ b: CornerBox) -> Float {
  let width = max(min(a.x2, b.x2) - max(a.x1, b.x1), 0)
  let height = max(min(a.y2, b.y2) - max(a.y1, b.y1), 0)
  let shared = width * height
  return shared / max(a.area + b.area - shared, 1e-6)
}
