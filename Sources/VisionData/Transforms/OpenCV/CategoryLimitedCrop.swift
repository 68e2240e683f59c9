import CounterRandom
import Geometry

/// Draws square crops in which no class fills most of the labelled pixels.
///
/// Up to ten boxes are looked at; one with at least two classes, none of them over the limit, is
/// taken. The box drawn after the tenth failure is taken without a look, as in the source. Images
/// smaller than the crop give a smaller crop.
///
/// Source: mmsegmentation, RandomCrop with `cat_max_ratio`.
public struct CategoryLimitedCrop: Sendable, Equatable {
  /// Pixels of the crop's side.
  public var size: Int
  /// The largest share of a class among the labelled pixels; not reached itself.
  ///
  /// 1 looks at nothing.
  public var maximumShare: Double
  /// Boxes that are looked at.
  public var tryCount = 10

  /// Sets the size and the limit; ADE20K's protocol is 512 and 0.75.
  public init(size: Int, maximumShare: Double = 0.75) {
    self.size = size
    self.maximumShare = maximumShare
  }

  /// Draws a box for class indices, where 255 is ignored.
  ///
  /// Draws per box: top, then left.
  public func box(labels: LabelMap, stream: inout RandomStream) -> PixelBox {
    let margins = (max(labels.height - size, 0), max(labels.width - size, 0))
    return box(labels: labels) {
      let top = stream.below(margins.0 + 1)
      return (top, stream.below(margins.1 + 1))
    }
  }

  /// As above with any source of corners.
  func box(labels: LabelMap, nextCorner: () -> (top: Int, left: Int)) -> PixelBox {
    func next() -> PixelBox {
      let (top, left) = nextCorner()
      return PixelBox(
        left: left, top: top, width: min(size, labels.width - left),
        height: min(size, labels.height - top))
    }
    var box = next()
    guard maximumShare < 1 else { return box }
    for _ in 0..<tryCount {
      if isVaried(labels, box) { break }
      box = next()
    }
    return box
  }

  private func isVaried(_ labels: LabelMap, _ box: PixelBox) -> Bool {
    var counts = [Int](repeating: 0, count: 256)
    let width = labels.width
    labels.labels.withUnsafeBufferPointer { labels in
      counts.withUnsafeMutableBufferPointer { counts in
        for row in box.top..<box.top + box.height {
          let start = row * width + box.left
          for at in start..<start + box.width { counts[Int(labels[at])] &+= 1 }
        }
      }
    }
    counts[Int(LabelEncoding.ignored)] = 0
    let present = counts.filter { $0 > 0 }
    guard present.count > 1, let most = present.max() else { return false }
    return Double(most) / Double(present.reduce(0, +)) < maximumShare
  }
}
