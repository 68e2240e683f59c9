import Foundation

/// The difference of two methods whose numbers come from several trainings, of both or of one.
///
/// Two things make such a difference uncertain: which images were drawn, and which trainings. Every
/// training is scored on the same images, so the spread of the trainings' numbers holds what trainings
/// do to single images, and so does the spread of the images; it is taken out of one of them:
///
///     variance = image + training₁ + training₂ − interaction₁ − interaction₂
///
/// image: variance over images of the difference of the trainings' means, by n; training: variance of
/// the trainings' numbers, by their count k; interaction: mean square of what image and training do
/// not explain alone, by k·n. Half of the images' part is the least that is taken for the whole, where
/// few trainings happen to lie closer than their images allow. The test is Student's t with
/// Satterthwaite's degrees of freedom, in which each mean square stands once. Of a method with one
/// training nothing is known of others: its two parts are 0, and what is said is about that training.
///
/// Source: Satterthwaite, An Approximate Distribution of Estimates of Variance Components, 1946.
public struct SeededDifference: Sendable, Equatable {
  /// Its difference, p-value, intervals and detectable difference.
  public let difference: PairedDifference
  /// The variance of the estimate due to the images, and what trainings add to it; chance may make that
  /// a little less than nothing.
  public let imageVariance: Double, trainingVariance: Double
  /// Satterthwaite's degrees of freedom.
  public let freedom: Double

  /// Images below which the test claims fewer differences of equal methods than its level allows,
  /// because few trainings cannot show that they hardly differ beside the images; see
  /// `reports/simulation.md`.
  public static let fewestImages = 500
  /// Trainings from which a method's spread over them is known.
  public static let fewestTrainings = 2

  fileprivate struct Side {
    let mean: Double
    let imageMeans: [Double]
    /// Variances of the mean: of the trainings' numbers, and of the interaction.
    let training: Double, interaction: Double
    let count: Int

    init(_ trainings: [[Double]]) {
      count = trainings.count
      let (k, n) = (Double(count), Double(trainings[0].count))
      let numbers = trainings.map { $0.reduce(0, +) / n }
      let spread = Spread(numbers)
      mean = spread.mean
      let means = trainings[0].indices.map { at in trainings.reduce(0) { $0 + $1[at] } / k }
      imageMeans = means
      var squares = 0.0
      for (number, values) in zip(numbers, trainings) {
        for (value, image) in zip(values, means) {
          let rest = value - number - image + spread.mean
          squares += rest * rest
        }
      }
      training = count > 1 ? spread.deviation * spread.deviation / k : 0
      interaction = count > 1 ? squares / ((k - 1) * (n - 1)) / (k * n) : 0
    }

    /// What it adds to the sum by which the square of the variance is divided.
    func freedomPart(_ images: Int) -> Double {
      guard count > 1 else { return 0 }
      return training * training / Double(count - 1) + interaction * interaction
        / Double((count - 1) * (images - 1))
    }
  }

  /// Combines images and trainings.
  ///
  /// - Parameters:
  ///   - first: Of each training of the first method one value an image, whose mean is the number: see
  ///     `ResampledMetric.imageValues`.
  ///   - second: The second method's, of the same images.
  /// - Precondition: two trainings on one side and one on the other, two images, and as many values
  ///   everywhere.
  public init(first: [[Double]], second: [[Double]]) {
    precondition(
      max(first.count, second.count) >= Self.fewestTrainings && !first.isEmpty && !second.isEmpty,
      "\(first.count) and \(second.count) trainings")
    let images = first[0].count
    precondition(
      images > 1 && (first + second).allSatisfy { $0.count == images }, "values of other images")
    let (a, b) = (Side(first), Side(second))
    let spread = Spread(zip(a.imageMeans, b.imageMeans).map { $0 - $1 })
    let image = spread.deviation * spread.deviation / Double(images)
    let training = a.training + b.training - a.interaction - b.interaction
    let total = max(image + training, image / 2)
    let parts =
      image * image / Double(images - 1) + a.freedomPart(images) + b.freedomPart(images)
    freedom = parts > 0 ? max(1, total * total / parts) : Double(images - 1)
    imageVariance = image
    trainingVariance = total - image
    difference = PairedDifference(
      estimate: a.mean - b.mean, standardError: total.squareRoot(),
      test: .studentized(.student(freedom: freedom)), imageCount: images)
  }

  /// The part of the variance that more trainings, not more images, would take away.
  public var trainingShare: Double {
    let total = imageVariance + trainingVariance
    return total > 0 ? max(0, trainingVariance / total) : 0
  }
}

/// The number of one method that was trained several times, with its spread over images and trainings.
///
/// The variances are those of `SeededDifference`, of one method alone. Each has the quantile of its own
/// degrees of freedom in the interval,
///
///     half² = t²(n − 1) · image + t²(k − 1) · max(0, training − interaction)
///
/// because one method has few trainings: where they decide, the single number of degrees that
/// Satterthwaite gives holds the truth 93 times in 100 with three of them and 89 times with two, this
/// 94 to 97 times.
///
/// Source: Howe, Approximate Confidence Limits on the Mean of X + Y, 1974; Zou and Donner, Construction
/// of Confidence Limits about Effect Measures: A General Approach, 2008.
public struct SeededNumber: Sendable, Equatable {
  /// The mean over trainings.
  public let mean: Double
  /// The variance of the mean due to the images, and what trainings add to it.
  public let imageVariance: Double, trainingVariance: Double
  private let imageCount: Int, trainingCount: Int

  /// Combines images and trainings.
  ///
  /// - Parameter trainings: Of each one value an image, whose mean is the number.
  /// - Precondition: there are two trainings and two images, and as many values everywhere.
  public init(_ trainings: [[Double]]) {
    let images = trainings.first?.count ?? 0
    precondition(
      trainings.count > 1 && images > 1 && trainings.allSatisfy { $0.count == images },
      "\(trainings.count) trainings, \(images) images")
    let side = SeededDifference.Side(trainings)
    let spread = Spread(side.imageMeans).deviation
    mean = side.mean
    imageVariance = spread * spread / Double(images)
    trainingVariance = max(0, side.training - side.interaction)
    (imageCount, trainingCount) = (images, trainings.count)
  }

  /// The interval of the number over other images and other trainings.
  public func interval(confidence: Double = 0.95) -> Interval {
    func squared(_ count: Int) -> Double {
      let quantile = StudentT.quantile((1 + confidence) / 2, freedom: Double(count - 1))
      return quantile * quantile
    }
    let half =
      (squared(imageCount) * imageVariance + squared(trainingCount) * trainingVariance)
      .squareRoot()
    return Interval(low: mean - half, high: mean + half)
  }
}
