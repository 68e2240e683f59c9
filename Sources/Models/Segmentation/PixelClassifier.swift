import Geometry
import TensorCore

/// What gives every pixel of an image a number a class.
public protocol PixelClassifier: AnyObject {
  /// Classes that it tells apart.
  var classCount: Int { get }
  /// The classes' numbers on a coarser map, the largest of which is the answer.
  ///
  /// - Parameter images: `[B, 3, H, W]`, normalised.
  /// - Returns: `[B, h, w, K]`.
  func logits(_ images: Tensor) -> Tensor
}

extension PixelClassifier {
  /// The mean logits of overlapping windows at the input's own size.
  ///
  /// - Parameters:
  ///   - input: `[1, 3, H, W]`.
  ///   - windowSize: Side of the windows, in pixels; they move by two thirds of it.
  /// - Returns: `[1, H, W, classes]`.
  ///
  /// Source: mmsegmentation's slide inference.
  public func logits(_ input: Tensor, windowSize: Int) -> Tensor {
    let (height, width) = (input.shape[2], input.shape[3])
    let sums = Tensor(zeros: [1, height, width, classCount])
    let counts = Tensor(zeros: [1, height, width, 1])
    let windows = SlidingWindows(size: windowSize, stride: windowSize * 2 / 3)
      .windows(width: width, height: height)
    for box in windows {
      let part = croppedPlanes(
        input, top: box.top, left: box.left, height: box.height, width: box.width)
      let seen = bilinearResized(
        logits(part), height: box.height, width: box.width)
      addWindow(seen, to: sums, top: box.top, left: box.left)
      addWindow(
        Tensor(repeating: 1, shape: [1, box.height, box.width, 1]), to: counts, top: box.top,
        left: box.left)
    }
    dividePixels(sums, by: counts)
    return sums
  }
}
