import Models
import TensorCore
import VisionData

extension DetectionBatch {
  /// Normalises and pads images; each to a multiple of `divisor`, then all to the largest.
  public init(_ samples: [DetectionSample], divisor: Int = 32) {
    func padded(_ side: Int) -> Int { (side + divisor - 1) / divisor * divisor }
    let paddedSizes = samples.map { sample -> Size in
      (padded(sample.image.height), padded(sample.image.width))
    }
    let height = paddedSizes.map(\.height).max() ?? divisor
    let width = paddedSizes.map(\.width).max() ?? divisor
    let images = BatchBuffer(shape: [samples.count, 3, height, width])
    for (index, sample) in samples.enumerated() {
      images.withRow(index) {
        ByteNormalization.imageNet.write(
          sample.image, paddedTo: (width: width, height: height), to: $0)
      }
    }
    self.init(
      images: images.tensor, sizes: samples.map { ($0.image.height, $0.image.width) },
      paddedSizes: paddedSizes, targets: samples.map(\.target))
  }
}
