import Geometry
import Layers
import TensorCore
import TestSupport

@testable import Models

/// The small detectors and images of `Tests/References/mmdetection.py`.
enum SmallDetector {
  static func configuration(_ base: DetectorConfiguration) -> DetectorConfiguration {
    var small = base
    small.backbone = .swin(
      SwinConfiguration(
        embeddingSize: 8, depths: [1, 2, 1, 1], headCounts: [1, 2, 2, 4], windowSize: 4))
    (small.classCount, small.channels, small.hiddenSize) = (5, 8, 24)
    small.anchors.scale = 4
    small.trainingProposals = ProposalSelection(perLevel: 60, perImage: 50)
    small.testProposals = ProposalSelection(perLevel: 150, perImage: 60)
    small.detectionLimit = 40
    // Everything is taken, so nothing is drawn.
    small.anchorSampler = RandomSampler(count: 1 << 30, positiveLimit: 1 << 30)
    small.regionSampler = RandomSampler(count: 1 << 30, positiveLimit: 1 << 30)
    return small
  }

  static func make(_ base: DetectorConfiguration) -> Detector {
    let detector = Detector(configuration(base), initializer: .blank)
    DeterministicFill.fill(detector.parameters + detector.buffers)
    for (key, tensor) in detector.parameters where key.hasSuffix("conv_logits.weight") {
      // Masks of trained networks are sure of most pixels.
      tensor.assign(tensor.values.map { $0 * 30 })
    }
    return detector
  }

  /// Sizes that the network sees, the same padded, and those of the files.
  static let sizes: [DetectionBatch.Size] = [(90, 120), (64, 100), (96, 64)]
  static let paddedSizes: [DetectionBatch.Size] = [(96, 128), (64, 128), (96, 64)]
  static let originals: [DetectionBatch.Size] = [(200, 267), (61, 97), (150, 101)]

  /// The numbers of one image, `[1, 3, H, W]`, with zeros on the right and below.
  private static func image(_ index: Int, paddedTo padded: DetectionBatch.Size) -> [Float] {
    let size = sizes[index]
    let values = DeterministicFill.values(
      "image\(index)", count: 3 * size.height * size.width, bound: 2)
    var result = [Float](repeating: 0, count: 3 * padded.height * padded.width)
    for row in 0..<3 * size.height {
      let (channel, y) = (row / size.height, row % size.height)
      for x in 0..<size.width {
        result[(channel * padded.height + y) * padded.width + x] = values[row * size.width + x]
      }
    }
    return result
  }

  /// One image at test.
  static func shown(_ index: Int) -> DetectionBatch {
    let padded = paddedSizes[index]
    return DetectionBatch(
      images: Tensor(image(index, paddedTo: padded), shape: [1, 3, padded.height, padded.width]),
      sizes: [sizes[index]], paddedSizes: [padded])
  }

  /// Two images with objects.
  static func batch() -> DetectionBatch {
    let sizes = Array(sizes.prefix(2))
    let images = Tensor(
      (0..<2).flatMap { image($0, paddedTo: paddedSizes[0]) }, shape: [2, 3, 96, 128])
    let places: [[(Float, Float, Float, Float)]] = [
      [(10, 12, 60, 70), (55, 20, 110, 52), (5, 60, 40, 88)], [(20, 8, 77, 50)],
    ]
    let labels = [[1, 4, 0], [2]]
    let targets = sizes.enumerated().map { index, size in
      let boxes = places[index].map { CornerBox($0.0, $0.1, $0.2, $0.3) }
      return DetectionTarget(
        boxes: boxes, labels: labels[index], masks: boxes.map { mask($0, size) })
    }
    return DetectionBatch(
      images: images, sizes: sizes, paddedSizes: Array(paddedSizes.prefix(2)), targets: targets)
  }

  private static func mask(_ box: CornerBox, _ size: DetectionBatch.Size) -> LabelMap {
    var pixels: [UInt8] = []
    for y in 0..<size.height {
      for x in 0..<size.width {
        let (fx, fy) = (Float(x), Float(y))
        let inside = fx >= box.x1 && fx < box.x2 && fy >= box.y1 && fy < box.y2
        pixels.append(inside && (x + 3 * y) % 16 > 3 ? 1 : 0)
      }
    }
    return LabelMap(width: size.width, height: size.height, labels: pixels)
  }
}
