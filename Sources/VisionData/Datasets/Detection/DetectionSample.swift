import Geometry

/// An image with its objects.
public struct DetectionSample: Sendable, Equatable {
  /// The pixels.
  public var image: RGBImage
  /// The objects, in the image's coordinates.
  public var target: DetectionTarget

  /// Joins an image and its objects.
  public init(image: RGBImage, target: DetectionTarget) {
    self.image = image
    self.target = target
  }
}
