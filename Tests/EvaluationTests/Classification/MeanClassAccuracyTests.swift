import Evaluation
import TestSupport
import Testing

@Suite("Mean over classes")
struct MeanClassAccuracyTests {
  private let labels = [0, 0, 0, 2, 2, 3]
  private let right = [true, true, false, true, false, false]

  private var metric: MeanClassAccuracy {
    MeanClassAccuracy(images: Array(0..<6), labels: labels, right: right)
  }

  @Test("Is the mean of the classes' shares, without those that a resample lacks")
  func values() {
    let whole = [Int32](repeating: 1, count: 6)
    #expect(abs(metric.values(weights: whole)[0] - (2.0 / 3 + 0.5 + 0) / 3) < 1e-15)
    // Class 3 is drawn not at all, an answer of class 0 twice.
    #expect(abs(metric.values(weights: [2, 0, 1, 1, 1, 0])[0] - (2.0 / 3 + 0.5) / 2) < 1e-15)
    #expect(metric.values(weights: [0, 0, 0, 0, 0, 0])[0].isNaN)
    var score = ClassificationScore(classCount: 4)
    for (label, isRight) in zip(labels, right) {
      score.add(
        ClassificationRecord(index: 0, label: label, predictions: [], rank: isRight ? 0 : 1))
    }
    #expect(abs(score.meanClassAccuracy - metric.values(weights: whole)[0]) < 1e-15)
  }

  @Test("Its slopes are those of the weights, and sum to nothing")
  func slopes() {
    let weights: [Int32] = [3, 1, 2, 5, 4, 2]
    let found = metric.linearizations(weights: weights)[0]
    #expect(abs(zip(found.slopes, weights).reduce(0) { $0 + $1.0 * Double($1.1) }) < 1e-14)
    // A thousandth of a weight: integers a thousand times as large leave the number as it is.
    let large = weights.map { $0 * 1000 }
    for image in weights.indices {
      var (more, less) = (large, large)
      more[image] += 1
      less[image] -= 1
      let slope = (metric.values(weights: more)[0] - metric.values(weights: less)[0]) / 2e-3
      #expect(abs(slope - found.slopes[image]) < 1e-6, "\(image)")
    }
  }

  @Test("The images of two lists are those of one")
  func joined() throws {
    let first = MeanClassAccuracy(
      images: [0, 1, 2], labels: [0, 0, 0], right: [true, true, false])
    let second = MeanClassAccuracy(
      images: [3, 4, 5], labels: [2, 2, 3], right: [true, false, false])
    let joined = try #require(first.followed(by: second))
    let whole = [Int32](repeating: 1, count: 6)
    #expect(joined.values(weights: whole) == metric.values(weights: whole))
    #expect(first.followed(by: MeanOverImages([1], of: [0], named: "mean_class")) == nil)
  }
}
