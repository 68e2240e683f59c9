import Evaluation

/// A number that is a mean over the images.
struct WeightedMean: ResampledMetric {
  let outcomes: [Double]
  var images: [Int] { Array(outcomes.indices) }
  let metricNames = ["mean"]

  func values(weights: [Int32]) -> [Double] {
    let sum = zip(outcomes, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
    return [sum / Double(weights.reduce(0, +))]
  }
}
