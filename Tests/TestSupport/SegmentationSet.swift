import FileSupport
import Foundation
import Geometry
import VisionData

/// Writes an ADE20K-style set of small random scenes.
public func makeSegmentationSet(
  in folder: TemporaryDirectory, count: Int = 5
) throws -> SegmentationFolder {
  for index in 0..<count {
    let (width, height) = (40 + index, 30)
    let pixels = SegmentationScenes.picture("loader \(index)", width: width, height: height)
    let labels = SegmentationScenes.regions(
      "map \(index)", width: width, height: height, classes: 4)
    try AtomicFile.write(
      try ImageFile.png(RGBImage(width: width, height: height, pixels: pixels)),
      to: folder.file("images/training/\(index).png"))
    let map = LabelMap(width: width, height: height, labels: labels.map { $0 == 255 ? 0 : $0 + 1 })
    try AtomicFile.write(
      try ImageFile.png(map), to: folder.file("annotations/training/\(index).png"))
  }
  return try SegmentationFolder(root: folder.path, split: .training)
}
