import Foundation
import Geometry
import Models
import VisionData

extension DetectionOverlay.Item {
  /// A detection with its class and score.
  package init(_ detection: Detection, names: [String]) {
    self.init(
      box: detection.box, mask: LabelMap(detection.mask),
      caption: names[detection.label] + String(format: " %.2f", detection.score),
      label: detection.label)
  }
}

extension LabelMap {
  /// A mask as a map: 1 inside, 0 outside.
  package init(_ mask: RunLengthMask) {
    self.init(width: mask.width, height: mask.height, labels: mask.pixels)
  }
}
