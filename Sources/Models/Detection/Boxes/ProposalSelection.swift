import Foundation
import Geometry
import TensorCore

/// Turns the outputs of a region proposal network into the boxes that the heads look at.
///
/// Per level the best scores are kept and decoded; then one suppression over all levels with the
/// level as class, and the best of what is left. Boxes of no area stay, as in mmdet 2.11, or go before
/// the suppression, as in mmdet 3.
///
/// Source: Ren et al., Faster R-CNN, 2015; order and limits as in mmdet 2.
public struct ProposalSelection: Sendable, Hashable {
  /// Boxes of one level that go into the suppression.
  public var perLevel: Int
  /// Overlap over which the lower score goes.
  public var threshold: Float = 0.7
  /// Boxes of one image that come out.
  public var perImage: Int
  /// Whether boxes without width or height go away.
  public var dropsEmptyBoxes = false

  /// Sets the limits.
  public init(perLevel: Int, perImage: Int) {
    self.perLevel = perLevel
    self.perImage = perImage
  }

  /// The same limits with boxes without width or height left out, or not.
  func droppingEmpty(_ drops: Bool) -> ProposalSelection {
    var other = self
    other.dropsEmptyBoxes = drops
    return other
  }

  /// One level's outputs for one image.
  public struct Level {
    /// Objectness before the sigmoid, one an anchor.
    public let logits: Tensor
    /// Four numbers an anchor.
    public let deltas: Tensor
    /// The anchors.
    public let anchors: [CornerBox]

    /// Joins outputs and anchors.
    public init(logits: Tensor, deltas: Tensor, anchors: [CornerBox]) {
      precondition(
        logits.elementCount == anchors.count && deltas.elementCount == 4 * anchors.count,
        "logits \(logits.shape), deltas \(deltas.shape), \(anchors.count) anchors")
      self.logits = logits
      self.deltas = deltas
      self.anchors = anchors
    }
  }

  /// The proposals of one image in descending order of score.
  ///
  /// - Parameter size: Height and width of the image before padding; boxes are clipped to it.
  public func proposals(
    _ levels: [Level], within size: (height: Int, width: Int)
  ) -> [CornerBox] {
    var boxes: [CornerBox] = []
    var scores: [Float] = []
    var labels: [Int] = []
    let coder = BoxCoder()
    for (number, level) in levels.enumerated() {
      let levelScores = level.logits.withValues { $0.map { 1 / (1 + exp(-$0)) } }
      let order =
        levelScores.count > perLevel
        ? Array(fallingOrder(levelScores).prefix(perLevel)) : Array(levelScores.indices)
      for index in order {
        let box = level.deltas.withValues {
          coder.decode($0, at: index, relativeTo: level.anchors[index], within: size)
        }
        // A diverged network is reported by its loss; its boxes must not reach the pooling.
        guard box.x1.isFinite, box.y1.isFinite, box.x2.isFinite, box.y2.isFinite else { continue }
        if dropsEmptyBoxes, box.width <= 0 || box.height <= 0 { continue }
        boxes.append(box)
        scores.append(levelScores[index])
        labels.append(number)
      }
    }
    return suppressed(
      boxes, scores: scores, classes: labels, threshold: threshold, limit: perImage
    ).map { boxes[$0] }
  }
}

/// Which pyramid level a region is read from.
///
/// Source: Lin et al., Feature Pyramid Networks, 2017, equation 1; the constants are mmdet's.
public struct RegionLevels: Sendable, Hashable {
  /// Side of a region, in pixels, at which the second level starts over 2.
  public var finestSize: Float = 56
  /// Levels to choose from.
  public var levelCount = 4

  /// Four levels from 56 pixels.
  public init() {}

  /// The level of a region: 0 below 112 pixels of √area, then one more a doubling.
  public func level(of box: CornerBox) -> Int {
    let size = (box.width * box.height).squareRoot()
    let level = floor(log2(size / finestSize + 1e-6))
    return level.isFinite ? min(max(Int(level), 0), levelCount - 1) : 0
  }
}
