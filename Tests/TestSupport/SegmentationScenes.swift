/// The Swift twin of the pictures and label maps in `Tests/References/segmentation_data.py`.
public enum SegmentationScenes {
  /// Random bytes for `width · height` pixels of three channels.
  public static func picture(_ name: String, width: Int, height: Int) -> [UInt8] {
    DeterministicFill.values(name, count: width * height * 3, bound: 127.5, centre: 127.5)
      .map { UInt8($0) }
  }

  /// A label map of rectangles 5 high and 7 wide; some are 255.
  public static func regions(
    _ name: String, width: Int, height: Int, classes: Int, ignored: Float = 0.1
  ) -> [UInt8] {
    let (rows, columns) = ((height + 4) / 5, (width + 6) / 7)
    let cells = DeterministicFill.values(name, count: rows * columns, bound: 0.5, centre: 0.5)
    let drops = DeterministicFill.values(
      name + ".ignored", count: rows * columns, bound: 0.5, centre: 0.5)
    let values = zip(cells, drops).map { cell, drop in
      drop < ignored ? 255 : UInt8(min(Int(cell * Float(classes)), classes - 1))
    }
    return (0..<height).flatMap { y in
      (0..<width).map { x in values[y / 5 * columns + x / 7] }
    }
  }

  /// True labels (255 ignored) and predictions of one image.
  public static func scene(
    _ index: Int, classes: Int, used: Int, wrong: Float, network: String
  ) -> (labels: [UInt8], predictions: [UInt8]) {
    let (width, height) = (60 + 7 * (index % 5), 45 + 5 * (index % 3))
    let labels = regions("scene \(index)", width: width, height: height, classes: used)
    let guesses = regions(
      "guess \(network) \(index)", width: width, height: height, classes: classes, ignored: 0)
    let chances = DeterministicFill.values(
      "chance \(network) \(index)", count: width * height, bound: 0.5, centre: 0.5)
    let predictions = labels.indices.map { at in
      chances[at] < wrong || labels[at] == 255 ? guesses[at] : labels[at]
    }
    return (labels, predictions)
  }
}
