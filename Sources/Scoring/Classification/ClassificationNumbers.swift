import Evaluation
import Reporting

extension MetricValue {
  /// A share of images at the mean of several classifiers, with its interval over images.
  package static func share(_ value: Double, of count: Int) -> MetricValue {
    MetricValue(
      value,
      interval: Proportions.wilson(
        successes: Int((value * Double(count)).rounded()), of: count), count: count)
  }
}

extension RunResult {
  /// Adds the numbers of classifiers of the same images, one a seed: their means, and classes and
  /// mistakes of the first.
  package mutating func add(
    _ scores: [ClassificationScore], classNames: [String],
    numbers: [ScoreMetric<ClassificationScore>] = ClassificationScore.numbers
  ) {
    guard let first = scores.first else { return }
    for metric in numbers {
      let mean = Spread(scores.map { metric.value($0) }).mean
      metrics[metric.name] =
        metric.test == .paired
        ? .share(mean, of: first.count) : MetricValue(mean, count: first.count)
    }
    describe(first, classNames: classNames)
  }

  /// Adds classes and mistakes of a classifier.
  package mutating func describe(_ first: ClassificationScore, classNames: [String]) {
    classes = classNames.indices.map { label in
      (
        classNames[label],
        MetricValue(successes: first.classTop1Counts[label], of: first.classCounts[label])
      )
    }
    let confused = first.mostConfused(5).map { entry in
      "\(classNames[entry.pair.label]) taken for "
        + "\(classNames[entry.pair.prediction]) \(entry.count)x"
    }
    if !confused.isEmpty {
      notes.append("most confused: " + confused.joined(separator: ", "))
    }
  }
}
