import Models
import TensorCore
import VisionData

extension DetectionBatch {
  /// Normalises and pads images; each to a multiple of `divisor`, then all to the largest.
  init(_ samples: [DetectionSample], divisor: Int = 32) {
    func padded(_ side: Int) -> Int { (side + divisor - 1) / divisor * divisor }
    let paddedSizes = samples.map { sample -> Size in
      (padded(sample.image.height), padded(sample.image.width))
    }
    let height = paddedSizes.map(\.height).max() ?? divisor
    let width = paddedSizes.map(\.width).max() ?? divisor
    let images = Tensor(uninitialized: [samples.count, 3, height, width])
    for (index, sample) in samples.enumerated() {
      ByteNormalization.imageNet.write(
        sample.image, paddedTo: (width: width, height: height),
        to: images.pointer + index * 3 * height * width)
    }
    self.init(
      images: images, sizes: samples.map { ($0.image.height, $0.image.width) },
      paddedSizes: paddedSizes, targets: samples.map(\.target))
  }
}
