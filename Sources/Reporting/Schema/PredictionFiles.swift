/// Where a run keeps what its network said of each image.
public enum PredictionFiles {
  /// One line an image with its detections.
  public static let detections = "detections.jsonl"

  /// The label map of an image, as its class indices.
  ///
  /// - Parameter name: The image's, without extension.
  public static func labelMap(_ name: String, in run: String) -> String {
    "\(run)/predictions/\(name).png"
  }
}
