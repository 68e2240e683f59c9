/// What a network said of one image: pixel counts of the classes that occur, exact integers.
///
/// Records of all images give every score, again and in any order: they are what is kept for going
/// on after a stop and for resampling.
public struct SegmentationRecord: Sendable, Equatable {
  /// The image's position in the validation set.
  public let index: Int
  /// Classes that are labelled or predicted somewhere, ascending.
  public let classes: [Int]
  /// Pixels of each of `classes` that are labelled and predicted so.
  public let intersections: [Int]
  /// Labelled pixels that are predicted so.
  public let predicted: [Int]
  /// Pixels that are labelled so.
  public let labelled: [Int]

  /// Wraps counts.
  ///
  /// - Precondition: one count of each kind a class, classes ascending, no intersection above its
  ///   areas.
  public init(
    index: Int, classes: [Int], intersections: [Int], predicted: [Int], labelled: [Int]
  ) {
    precondition(
      Self.areConsistent(classes, intersections, predicted, labelled),
      "counts of image \(index) contradict each other")
    self.index = index
    self.classes = classes
    self.intersections = intersections
    self.predicted = predicted
    self.labelled = labelled
  }

  /// Whether counts could be those of an image.
  public static func areConsistent(
    _ classes: [Int], _ intersections: [Int], _ predicted: [Int], _ labelled: [Int]
  ) -> Bool {
    let count = classes.count
    guard intersections.count == count, predicted.count == count, labelled.count == count else {
      return false
    }
    return zip(classes, classes.dropFirst()).allSatisfy { $0 < $1 }
      && (classes.first ?? 0) >= 0
      && (0..<count).allSatisfy {
        intersections[$0] >= 0 && intersections[$0] <= min(predicted[$0], labelled[$0])
      }
      && predicted.reduce(0, +) == labelled.reduce(0, +)
  }

  /// Sums the pairs of an image.
  ///
  /// - Throws: `LabelRangeError` when a counted pixel has a label or prediction that is no class.
  ///   (The published tool takes such values for the last class, or drops them, without a word.)
  public init(index: Int, pairs: LabelPairs, classCount: Int) throws(LabelRangeError) {
    var counts: [Int: (both: Int, predicted: Int, labelled: Int)] = [:]
    for entry in pairs.entries {
      let (label, guess) = (Int(entry.label), Int(entry.prediction))
      guard label < classCount, guess < classCount else {
        throw LabelRangeError(pairs: pairs, classCount: classCount)
      }
      counts[label, default: (0, 0, 0)].labelled += entry.count
      counts[guess, default: (0, 0, 0)].predicted += entry.count
      if label == guess { counts[label, default: (0, 0, 0)].both += entry.count }
    }
    let classes = counts.keys.sorted()
    self.init(
      index: index, classes: classes, intersections: classes.map { counts[$0]?.both ?? 0 },
      predicted: classes.map { counts[$0]?.predicted ?? 0 },
      labelled: classes.map { counts[$0]?.labelled ?? 0 })
  }
}

/// Counted pixels have values that stand for no class.
public struct LabelRangeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Labels and predictions that are no classes, ascending.
  public let labels, predictions: [Int]
  /// Counted pixels that have one of them.
  public let pixelCount: Int
  /// How many classes there are.
  public let classCount: Int

  init(pairs: LabelPairs, classCount: Int) {
    let wrong = pairs.entries.filter {
      Int($0.label) >= classCount || Int($0.prediction) >= classCount
    }
    labels = Set(wrong.map { Int($0.label) }.filter { $0 >= classCount }).sorted()
    predictions = Set(wrong.map { Int($0.prediction) }.filter { $0 >= classCount }).sorted()
    pixelCount = wrong.reduce(0) { $0 + $1.count }
    self.classCount = classCount
  }

  public var description: String {
    "\(pixelCount) pixels have labels \(labels) or predictions \(predictions), which are none of "
      + "0..<\(classCount)"
  }
}
