/// The keypoints of many objects in flat arrays: x, y and a flag each, as COCO lists them.
///
/// Nothing is kept for objects behind the last one that has any, so files without keypoints pay for
/// none.
public struct CocoKeypoints: Sendable, Equatable {
  private var values: [Double] = []
  // Where each object's numbers end.
  private var ends: [Int] = []

  /// Whether no object has keypoints.
  public var isEmpty: Bool { values.isEmpty }

  /// The keypoints of an object: x0, y0, flag0, x1, …; empty where it has none.
  ///
  /// In annotations a flag above 0 says that the point is labelled; in results it says nothing.
  public subscript(index: Int) -> ArraySlice<Double> {
    guard index < ends.count else { return [] }
    return values[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// Adds the keypoints of an object behind those that are here.
  mutating func append(_ numbers: some Collection<Double>, of index: Int) {
    guard !numbers.isEmpty else { return }
    while ends.count < index { ends.append(values.count) }
    values += numbers
    ends.append(values.count)
  }

  /// The smallest box around points, and its area; flags do not matter.
  ///
  /// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/coco.py`, `loadRes`.
  static func bounds(_ numbers: some Collection<Double>) -> CocoBox {
    var (left, top) = (Double.infinity, Double.infinity)
    var (right, bottom) = (-Double.infinity, -Double.infinity)
    for (at, number) in numbers.enumerated() {
      if at % 3 == 0 { (left, right) = (min(left, number), max(right, number)) }
      if at % 3 == 1 { (top, bottom) = (min(top, number), max(bottom, number)) }
    }
    return CocoBox(x: left, y: top, width: right - left, height: bottom - top)
  }
}
