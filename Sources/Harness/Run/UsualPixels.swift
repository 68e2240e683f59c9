import Models
import VisionData

extension LoadReport {
  /// Refuses a file that says that its network was trained with other pixels than ImageNet's mean and
  /// deviation leave, for programs that know no others.
  ///
  /// - Throws: `CheckpointError`.
  func requireUsualPixels() throws(CheckpointError) {
    guard let said = normalization,
      PixelNormalization(near: said[0], deviation: said[1]) != .imageNet
    else { return }
    throw CheckpointError(
      path: path,
      problem: "was trained with pixels of mean \(said[0]) and deviation \(said[1]) by its own "
        + "account, where this program takes ImageNet's",
      remedy: "give a network that was trained with those")
  }
}
