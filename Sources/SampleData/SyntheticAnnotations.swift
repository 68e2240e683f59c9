import CocoFormat
import CounterRandom
import FileSupport
import Foundation
import Geometry

/// Random annotations and detections in COCO's format, of any size: input for measuring readers and
/// evaluators.
///
/// There are no images to them.
///
/// Shapes are closed curves around a point; sizes, classes and the number of objects of an image
/// are spread as widely as in COCO, the ids of categories have its gaps, and one object in a
/// hundred is a crowd with run lengths. Detections are shaken copies of the objects, of which some
/// are of a wrong class, and shapes of nothing. Everything follows from the seed.
public struct SyntheticAnnotations: Sendable {
  /// Seed of everything.
  public var seed: UInt64 = 1
  /// How many images and objects there are.
  public var imageCount = 5000, objectCount = 36_781
  /// The mean number of corners of an outline.
  public var meanCornerCount = 20
  /// How many detections an image has.
  public var detectionsPerImage = 100

  /// The sizes of COCO's val2017.
  public init() {}

  /// The ids of COCO's 80 categories.
  static let categoryIDs = (1...90).filter {
    ![12, 26, 29, 30, 45, 66, 68, 69, 71, 83].contains($0)
  }

  /// An object or a detection.
  private struct Shape {
    var categoryID: Int
    var corners: [Double]
    var score = 0.0
    var isCrowd = false
  }

  private func image(_ index: Int) -> CocoImage {
    var stream = RandomStream(seed: seed, purpose: .sampleSet, epoch: 1, sample: index)
    let isWide = stream.uniform() < 0.7
    let side = 360 + stream.below(121)
    // Ids have gaps and are not in order; multiples of a prime repeat only after the modulus.
    let modulus = imageCount * 5 + (imageCount * 5 % 7919 == 0 ? 1 : 0)
    let id = index * 7919 % modulus + 1
    return CocoImage(
      id: id, fileName: "\(id).jpg", width: isWide ? 640 : side, height: isWide ? side : 640)
  }

  /// How many objects come before each image, and in all.
  private func objectStarts() -> [Int] {
    var weights: [Double] = [0]
    for index in 0..<imageCount {
      var stream = RandomStream(seed: seed, purpose: .sampleSet, epoch: 2, sample: index)
      weights.append(weights[index] - log(1 - stream.uniformDouble()))
    }
    let scale = Double(objectCount) / max(weights[imageCount], .leastNormalMagnitude)
    return weights.enumerated().map { $0 == imageCount ? objectCount : Int($1 * scale) }
  }

  private func object(_ number: Int, _ image: CocoImage) -> Shape {
    var stream = RandomStream(seed: seed, purpose: .sampleSet, epoch: 3, sample: number)
    let isCrowd = stream.uniform() < 0.01
    return shape(
      &stream, label: Int(80 * pow(stream.uniformDouble(), 2.5)), image, isCrowd: isCrowd)
  }

  /// A closed curve: a circle with three waves of random height.
  private func shape(
    _ stream: inout RandomStream, label: Int, _ image: CocoImage, isCrowd: Bool = false
  ) -> Shape {
    let radius = 5 * exp(stream.uniformDouble() * 3.3)
    let center = (
      stream.uniform(0, Double(image.width)), stream.uniform(0, Double(image.height))
    )
    let waves = (2...4).map {
      (Double($0), stream.uniform(0, 0.25), stream.uniform(0, 2 * .pi))
    }
    let stretch = exp(stream.uniform(-0.5, 0.5))
    let mean = Double(meanCornerCount) - 4
    let count = 4 + min(400, Int(-log(1 - stream.uniformDouble()) * mean))
    var corners: [Double] = []
    for corner in 0..<count {
      let angle = 2 * Double.pi * Double(corner) / Double(count)
      let wave = waves.reduce(1.0) { $0 + $1.1 * sin($1.0 * angle + $1.2) }
      corners.append(
        Self.cents(center.0 + radius * stretch * wave * cos(angle), Double(image.width)))
      corners.append(
        Self.cents(center.1 + radius / stretch * wave * sin(angle), Double(image.height)))
    }
    return Shape(categoryID: Self.categoryIDs[label], corners: corners, isCrowd: isCrowd)
  }

  /// Kept inside and rounded to two decimals, as COCO's are.
  private static func cents(_ value: Double, _ limit: Double) -> Double {
    (min(max(value, 0), limit) * 100).rounded() / 100
  }

  private func detections(_ objects: [Shape], _ image: CocoImage, _ index: Int) -> [Shape] {
    var stream = RandomStream(seed: seed, purpose: .sampleSet, epoch: 4, sample: index)
    var found: [Shape] = []
    for object in objects where found.count < detectionsPerImage {
      for copy in 0..<1 + stream.below(3) where found.count < detectionsPerImage {
        var shaken = object
        shaken.isCrowd = false
        let (scale, dx, dy) = (
          stream.uniform(0.85, 1.15), stream.uniform(-6, 6), stream.uniform(-6, 6)
        )
        let (x, y) = (object.corners[0], object.corners[1])
        for at in stride(from: 0, to: object.corners.count, by: 2) {
          shaken.corners[at] = Self.cents(
            x + (object.corners[at] - x) * scale + dx, Double(image.width))
          shaken.corners[at + 1] = Self.cents(
            y + (object.corners[at + 1] - y) * scale + dy, Double(image.height))
        }
        if stream.uniform() < 0.15 { shaken.categoryID = Self.categoryIDs[stream.below(80)] }
        shaken.score = Double(stream.uniform()) * (copy == 0 ? 1 : 0.6)
        found.append(shaken)
      }
    }
    while found.count < detectionsPerImage {
      var nothing = shape(&stream, label: Int(80 * pow(stream.uniformDouble(), 2.5)), image)
      nothing.score = pow(stream.uniformDouble(), 3)
      found.append(nothing)
    }
    return found.enumerated().sorted {
      ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
    }.map(\.element)
  }

  // MARK: Files

  /// Writes the annotations.
  ///
  /// - Throws: `FileError` when the file cannot be written.
  public func writeAnnotations(
    to path: String, progress: (Int) -> Void = { _ in }
  ) throws(FileError) {
    let starts = objectStarts()
    try AtomicFile.write(to: path) { (file: inout AtomicFile.Writer) throws(FileError) in
      var text = CocoText()
      text.addTables(
        images: (0..<imageCount).map(image),
        categories: Self.categoryIDs.map { CocoCategory(id: $0, name: "category \($0)") })
      for index in 0..<imageCount {
        let image = image(index)
        for number in starts[index]..<starts[index + 1] {
          let object = object(number, image)
          text.addAnnotation(
            id: number * 3 + 1, imageID: image.id, categoryID: object.categoryID,
            box: Self.bounds(object.corners), area: Self.area(object.corners),
            isCrowd: object.isCrowd,
            segmentation: object.isCrowd
              ? Self.mask(object, image, isCompressed: false) : .polygons([object.corners]),
            isFirst: number == 0)
        }
        try text.flush(to: &file, above: 1 << 20)
        progress(index + 1)
      }
      text.add("]}\n")
      try text.flush(to: &file)
    }
  }

  /// Writes detections: boxes into one file and masks into another; an empty path is no file.
  ///
  /// - Throws: `FileError` when a file cannot be written.
  public func writeDetections(
    boxes: String, masks: String, progress: @escaping (Int) -> Void = { _ in }
  ) throws(FileError) {
    for (path, hasMasks) in [(boxes, false), (masks, true)] where !path.isEmpty {
      try CocoWriter.write(results(hasMasks: hasMasks, progress: progress), to: path)
    }
  }

  private func results(
    hasMasks: Bool, progress: @escaping (Int) -> Void
  ) -> some Sequence<CocoResult> {
    let starts = objectStarts()
    return (0..<imageCount).lazy.flatMap { index -> [CocoResult] in
      let image = image(index)
      let objects = (starts[index]..<starts[index + 1]).map { object($0, image) }
      progress(index + 1)
      return detections(objects, image, index).map { shape in
        CocoResult(
          imageID: image.id, categoryID: shape.categoryID,
          box: hasMasks ? nil : Self.bounds(shape.corners),
          segmentation: hasMasks ? Self.mask(shape, image, isCompressed: true) : .none,
          score: shape.score)
      }
    }
  }

  private static func mask(
    _ shape: Shape, _ image: CocoImage, isCompressed: Bool
  ) -> CocoSegmentation {
    let mask = try? RunLengthMask(
      height: image.height, width: image.width, polygons: [shape.corners])
    return mask.map { .runs($0, isCompressed: isCompressed) } ?? .none
  }

  private static func bounds(_ corners: [Double]) -> CocoBox {
    let xs = stride(from: 0, to: corners.count, by: 2).map { corners[$0] }
    let ys = stride(from: 1, to: corners.count, by: 2).map { corners[$0] }
    let (x, y) = (xs.min() ?? 0, ys.min() ?? 0)
    return CocoBox(x: x, y: y, width: (xs.max() ?? 0) - x, height: (ys.max() ?? 0) - y)
  }

  /// By the shoelace formula.
  private static func area(_ corners: [Double]) -> Double {
    var sum = 0.0
    for at in stride(from: 0, to: corners.count, by: 2) {
      let next = (at + 2) % corners.count
      sum += corners[at] * corners[next + 1] - corners[next] * corners[at + 1]
    }
    return abs(sum) / 2
  }
}
