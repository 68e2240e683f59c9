import CVector
import VectorMath

/// Keeps the best-scored box of every crowd: greedy non-maximum suppression.
///
/// Boxes are visited by falling score, equal scores in the order given. A box is kept unless its
/// intersection over union with a kept box is above the threshold. Boxes without an area never
/// suppress each other (0 / 0 is not above anything).
///
/// - Parameters:
///   - boxes: `x1, y1, x2, y2` of each box, one after the other.
///   - scores: One a box.
///   - threshold: Intersection over union, 0...1.
///   - limit: Stop after this many kept boxes.
/// - Returns: The indices of the kept boxes by falling score.
/// - Complexity: O(N·kept).
public func nonMaximumSuppressed(
  boxes: [Float], scores: [Float], threshold: Float, limit: Int = .max
) -> [Int] {
  precondition(
    boxes.count == 4 * scores.count, "\(boxes.count) coordinates for \(scores.count) scores")
  let order = fallingOrder(scores)
  let count = order.count
  // Sorted coordinates, one array each, filled up to whole vectors with boxes nothing overlaps.
  let padded = (count + 15) & ~15
  let columns = Tensor(zeros: [5, max(16, padded)])
  let stride = columns.shape[1]
  let (x1, y1) = (columns.pointer, columns.pointer + stride)
  let (x2, y2) = (columns.pointer + 2 * stride, columns.pointer + 3 * stride)
  let areas = columns.pointer + 4 * stride
  for (place, index) in order.enumerated() {
    x1[place] = boxes[4 * index]
    y1[place] = boxes[4 * index + 1]
    x2[place] = boxes[4 * index + 2]
    y2[place] = boxes[4 * index + 3]
    areas[place] = (x2[place] - x1[place]) * (y2[place] - y1[place])
  }
  let suppressed = Tensor(zeros: [stride])
  let flags = suppressed.pointer
  let limitOfOverlap = splat(threshold)
  var kept: [Int] = []
  for place in 0..<count where flags[place] == 0 {
    kept.append(order[place])
    if kept.count >= limit { break }
    let (left, top) = (splat(x1[place]), splat(y1[place]))
    let (right, bottom) = (splat(x2[place]), splat(y2[place]))
    let area = splat(areas[place])
    // Earlier boxes of the first vector are settled; marking them again changes nothing.
    var other = place & ~15
    while other < padded {
      let width = cv_max(
        splat(0), cv_min(right, cv_load(x2 + other)) - cv_max(left, cv_load(x1 + other)))
      let height = cv_max(
        splat(0), cv_min(bottom, cv_load(y2 + other)) - cv_max(top, cv_load(y1 + other)))
      let intersection = width * height
      let overlap = intersection / (area + cv_load(areas + other) - intersection)
      cv_store(
        flags + other,
        cv_load(flags + other).replacing(with: splat(1), where: overlap .> limitOfOverlap))
      other += 16
    }
  }
  return kept
}

/// Non-maximum suppression within each class.
///
/// Boxes of a class are moved by class · (largest coordinate + 1), in single precision, so that
/// classes do not touch, and suppressed together; from 10,000 boxes on, class by class.
///
/// - Parameters:
///   - classes: A class of 0 or more a box.
///   - limit: The most boxes returned.
/// - Returns: The indices of the kept boxes by falling score, equal scores in the order given.
///
/// Source: mmcv's batched_nms, whose offsets cost the same precision.
public func nonMaximumSuppressed(
  boxes: [Float], scores: [Float], classes: [Int], threshold: Float, limit: Int = .max
) -> [Int] {
  precondition(
    classes.count == scores.count, "\(classes.count) classes for \(scores.count) scores")
  guard let largest = boxes.max() else { return [] }
  var moved = boxes
  for (index, label) in classes.enumerated() {
    let offset = Float(label) * (largest + 1)
    for coordinate in 4 * index..<4 * index + 4 { moved[coordinate] += offset }
  }
  if scores.count < 10_000 {
    return nonMaximumSuppressed(boxes: moved, scores: scores, threshold: threshold, limit: limit)
  }
  var members: [Int: [Int]] = [:]
  for (index, label) in classes.enumerated() { members[label, default: []].append(index) }
  let groups = members.values.sorted { $0[0] < $1[0] }
  var kept: [Int] = []
  for group in groups {
    let survivors = nonMaximumSuppressed(
      boxes: group.flatMap { moved[4 * $0..<4 * $0 + 4] }, scores: group.map { scores[$0] },
      threshold: threshold, limit: limit)
    kept += survivors.map { group[$0] }
  }
  kept.sort { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
  return Array(kept.prefix(limit))
}

/// The indices of the scores from the highest to the lowest, equal ones in the order given, NaN
/// last.
public func fallingOrder(_ scores: [Float]) -> [Int] {
  precondition(scores.count <= Int(UInt32.max), "\(scores.count) scores are too many")
  // Order-preserving integers sort faster than pairs, and carry the index as the tie rule.
  var keys = scores.enumerated().map { index, score in
    let bits = (score == 0 ? 0 : score).bitPattern
    let rising = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    return UInt64(score.isNaN ? UInt32.max : ~rising) << 32 | UInt64(index)
  }
  keys.sort()
  return keys.map { Int($0 & 0xFFFF_FFFF) }
}
