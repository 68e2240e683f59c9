import Layers
import TensorCore

/// A linear classifier of every cell of a frozen backbone's last map: batch normalisation and a 1x1
/// convolution.
///
/// Shapes: images `[B, 3, H, W]`; logits `[B, h, w, K]`, a cell a patch or a last stage's token.
///
/// State keys: `decode_head.bn.*`, `decode_head.conv_seg.*`, as mmsegmentation names them; the
/// backbone is no part of the state.
/// Initialisation: normal 0.01, biases 0.
///
/// Source: Oquab et al., DINOv2, 2023, the linear evaluation of segmentation.
public final class LinearSegmentor: Module, PixelClassifier {
  /// The backbone, which does not learn.
  public let backbone: any Backbone
  public let classCount: Int
  private let norm: BatchNorm
  private let classifier: Convolution1x1

  /// Puts a fresh classifier on a backbone.
  public init(_ backbone: any Backbone, classCount: Int, initializer: Initializer) {
    self.backbone = backbone
    self.classCount = classCount
    norm = BatchNorm(backbone.featureCount)
    classifier = Convolution1x1(
      weight: initializer.normal(
        [classCount, backbone.featureCount, 1, 1], key: "decode_head.conv_seg.weight",
        deviation: 0.01))
  }

  /// The logits by the running statistics.
  public func logits(_ images: Tensor) -> Tensor {
    scores(map(of: images), isTraining: false)
  }

  /// The backbone's map of images, `[B, h, w, D]`.
  public func map(of images: Tensor) -> Tensor { withoutGradients { backbone.patchMap(images) } }

  /// The logits of a map, `[…, D]` to `[…, K]`, by its own statistics in training.
  func scores(_ map: Tensor, isTraining: Bool) -> Tensor {
    norm.isTraining = isTraining
    return classifier(norm(map))
  }

  /// Cross-entropy at the labels' size, the mean over all pixels, ignored ones included.
  ///
  /// - Parameters:
  ///   - map: `[B, h, w, D]` of the images.
  ///   - labels: `[B, height, width]` class indices; 255 is ignored.
  public func loss(of map: Tensor, labels: [UInt8], height: Int, width: Int) -> Tensor {
    crossEntropy(
      bilinearResized(scores(map, isTraining: true), height: height, width: width),
      targets: labels.map(Int.init), ignoring: 255, normalizer: Float(labels.count))
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm.visitParameters(prefix + "decode_head.bn.", visit)
    classifier.visitParameters(prefix + "decode_head.conv_seg.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm.visitBuffers(prefix + "decode_head.bn.", visit)
  }
}
