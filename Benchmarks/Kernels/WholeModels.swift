import Geometry
import Layers
import Models
import TensorCore
import VisionData

/// Measures Mask R-CNN and UPerNet with Swin-T as a user runs them: an image, and a training step.
///
/// `Benchmarks/PyTorch/whole_models.py` measures the same sizes and counts in PyTorch.
enum WholeModels {
  /// Height and width of the detector's images, a usual one of COCO at short side 800.
  private static let size = (height: 800, width: 1216)
  private static let objectCount = 10

  /// Mask R-CNN: 1000 proposals and 100 masks at test; two images of ten objects in training.
  static func detector() {
    let detector = Detector(.maskRCNN, initializer: Initializer(seed: 0))
    // One class stands out, so that a network without training finds its hundred objects.
    for (key, bias) in detector.parameters where key == "roi_head.bbox_head.fc_cls.bias" {
      bias.pointer[0] = 4
    }
    func images(_ count: Int) -> Tensor {
      Initializer(seed: 1).normal([count, 3, size.height, size.width], key: "images")
    }
    let test = DetectionBatch(images: images(1), sizes: [size], paddedSizes: [size])
    var found = 0
    let inference = BenchKernels.best {
      found = detector.detections(test, original: size)?.count ?? 0
    }
    BenchKernels.report([
      "part": "detector inference", "batch": 1, "imagesPerSecond": 1 / inference, "found": found,
    ])
    let training = BenchKernels.best(detectorStep(detector, size: size))
    BenchKernels.report([
      "part": "detector training", "batch": 2, "imagesPerSecond": 2 / training,
    ])
  }

  /// A training step of two images, ten objects each.
  static func detectorStep(
    _ detector: Detector, size: (height: Int, width: Int)
  ) -> () -> Void {
    let images = Initializer(seed: 1).normal([2, 3, size.height, size.width], key: "images")
    let batch = DetectionBatch(
      images: images, sizes: [size, size], paddedSizes: [size, size],
      targets: [0, 1].map { target($0, size, classCount: detector.configuration.classCount) })
    let optimizer = AdamW(
      detector.parameters.map {
        OptimizedParameter(key: $0.key, tensor: $0.tensor, weightDecay: 0.05)
      }, learningRate: 1e-4)
    var step = 0
    return {
      detector.backbone.dropPath = DropPathContext(rate: 0.1, seed: 0, step: step)
      detector.losses(batch, draws: DetectionDraws(seed: 0, step: step)).sum.backward()
      optimizer.step()
      optimizer.clearGradients()
      step += 1
    }
  }

  /// Rectangles of many sizes over the image.
  private static func target(
    _ image: Int, _ size: (height: Int, width: Int), classCount: Int
  ) -> DetectionTarget {
    var target = DetectionTarget()
    for object in 0..<objectCount {
      // In parts of the image that is measured at full size.
      func across(_ x: Int) -> Int { x * size.width / Self.size.width }
      func down(_ y: Int) -> Int { y * size.height / Self.size.height }
      let x = across(20 + 97 * object + 13 * image)
      let y = down(15 + 61 * object)
      let (width, height) = (across(30 + 17 * object), down(24 + 14 * object))
      var labels = [UInt8](repeating: 0, count: size.height * size.width)
      for row in y..<y + height {
        for column in x..<x + width { labels[row * size.width + column] = 1 }
      }
      target.boxes.append(
        CornerBox(Float(x), Float(y), Float(x + width), Float(y + height)))
      target.labels.append(7 * object % classCount)
      target.masks.append(LabelMap(width: size.width, height: size.height, labels: labels))
    }
    return target
  }

  /// UPerNet: a 512 by 512 image to its class map, and a step of two such images.
  static func segmentor() {
    let segmentor = Segmentor(.ade20k, initializer: Initializer(seed: 0))
    func images(_ count: Int) -> Tensor {
      Initializer(seed: 1).normal([count, 3, 512, 512], key: "images")
    }
    segmentor.setTraining(false)
    let image = images(1)
    let inference = BenchKernels.best {
      withoutGradients {
        _ = ClassMap.classes(
          [SegmentationPass(logits: segmentor.logits(image), height: 512, width: 512)],
          height: 512, width: 512)
      }
    }
    BenchKernels.report([
      "part": "segmentor inference", "batch": 1, "imagesPerSecond": 1 / inference,
    ])
    segmentor.setTraining(true)
    let batch = images(2)
    let labels = (0..<2 * 512 * 512).map { index -> UInt8 in
      let label = index % 151
      return label == 150 ? 255 : UInt8(label)
    }
    let optimizer = AdamW(
      segmentor.parameters.map {
        OptimizedParameter(key: $0.key, tensor: $0.tensor, weightDecay: 0.01)
      }, learningRate: 6e-5)
    var step = 0
    let training = BenchKernels.best {
      segmentor.backbone.dropPath = DropPathContext(rate: 0.3, seed: 0, step: step)
      segmentor.losses(batch, labels: labels, seed: 0, step: step).total.backward()
      optimizer.step()
      optimizer.clearGradients()
      step += 1
    }
    BenchKernels.report([
      "part": "segmentor training", "batch": 2, "imagesPerSecond": 2 / training,
    ])
  }
}
