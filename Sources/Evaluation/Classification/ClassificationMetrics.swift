extension ClassificationScore {
  /// The k of the top-k accuracies: the true class is among the best k.
  ///
  /// Records keep the place of the true class, so another k needs no other record.
  private static let places = [1, 5]

  /// The numbers of a classifier, the most important first.
  ///
  /// A new one is one more line.
  public static let numbers: [ScoreMetric<ClassificationScore>] =
    places.map { k in ScoreMetric("top\(k)", "top-\(k)", .paired) { $0.accuracy(within: k) } }
    + [
      ScoreMetric("mean_class", "mean over classes", .resampled) { $0.meanClassAccuracy }
        .with { $0.isShown = false }
    ]

  /// How many of the best classes an accuracy of that name looks at; nil for other numbers.
  public static func places(of name: String) -> Int? { places.first { "top\($0)" == name } }
}
