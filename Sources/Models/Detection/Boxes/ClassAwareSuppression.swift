/// Non-maximum suppression in which boxes of different classes never touch each other.
///
/// As mmcv does it: label · (largest coordinate + 1) is added to every coordinate in single
/// precision, and overlaps are those of the shifted boxes; one that is over (not at) the threshold
/// suppresses. Boxes of no area are never suppressed. Equal scores keep their order.
public enum ClassAwareSuppression {
  /// The positions that survive, in descending order of score.
  ///
  /// - Parameters:
  ///   - boxes: Not negative in any coordinate.
  ///   - scores: One a box.
  ///   - labels: One a box, 0 or more; a level number serves as well.
  ///   - threshold: Overlap over which the lower score goes.
  ///   - limit: The most survivors.
  /// - Complexity: O(boxes · survivors of the same class).
  public static func keep(
    _ boxes: [CornerBox], scores: [Float], labels: [Int], threshold: Float, limit: Int
  ) -> [Int] {
    precondition(
      boxes.count == scores.count && boxes.count == labels.count,
      "\(boxes.count) boxes, \(scores.count) scores, \(labels.count) labels")
    guard let classCount = labels.max().map({ $0 + 1 }) else { return [] }
    let largest = boxes.reduce(-Float.infinity) { max($0, $1.x1, $1.y1, $1.x2, $1.y2) }
    var survivors = [[CornerBox]](repeating: [], count: classCount)
    var kept: [Int] = []
    for index in descendingOrder(scores) {
      guard kept.count < limit else { break }
      let label = labels[index]
      let offset = Float(label) * (largest + 1)
      let box = boxes[index].moved(x: offset, y: offset)
      if isCovered(box, by: survivors[label], threshold) { continue }
      survivors[label].append(box)
      kept.append(index)
    }
    return kept
  }

  private static func isCovered(
    _ box: CornerBox, by others: [CornerBox], _ threshold: Float
  ) -> Bool {
    let area = box.area
    return others.withUnsafeBufferPointer { others in
      for other in others {
        let width = max(min(box.x2, other.x2) - max(box.x1, other.x1), 0)
        let height = max(min(box.y2, other.y2) - max(box.y1, other.y1), 0)
        let shared = width * height
        if shared > threshold * (area + other.area - shared) { return true }
      }
      return false
    }
  }
}

/// Positions from the highest to the lowest score; equal scores in their order, NaN last.
func descendingOrder(_ scores: [Float]) -> [Int] {
  precondition(scores.count <= Int(UInt32.max), "too many scores")
  // Order-preserving integers sort faster than pairs, and carry the position as the tie rule.
  var keys = scores.enumerated().map { index, score in
    let bits = (score == 0 ? 0 : score).bitPattern
    let ascending = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    return UInt64(score.isNaN ? UInt32.max : ~ascending) << 32 | UInt64(index)
  }
  keys.sort()
  return keys.map { Int($0 & 0xFFFF_FFFF) }
}
