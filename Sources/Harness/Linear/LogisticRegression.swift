import CommandLine
import Foundation
import Layers
import Loading
import TensorCore
import Threads

/// Multinomial logistic regression with an L2 penalty on its weights, not on its biases.
///
///     minimise   Σᵢ −log softmax(W xᵢ + b)[yᵢ] + λ/2 · |W|²
///
/// which is scikit-learn's `LogisticRegression(C: 1/λ)`. What L-BFGS sees is the mean over images of
/// the same. Small problems are in double precision throughout; of large ones the products are in single
/// precision, which leaves weak penalties some digits less and no other answers.
struct LogisticRegression {
  /// The images' features and classes, and which of them are learned from.
  let features: FeatureMatrix
  let rows: [Int]
  let classCount: Int
  /// λ.
  let regularization: Double

  /// Multiplications of an evaluation up to which all is in double precision: a tenth of a second.
  static let exactProducts = 1 << 28

  /// Rows that go through at once: bounds the memory of the logits.
  private static let block = 4096

  /// The optimum, `classCount · width` weights and then the biases.
  ///
  /// - Parameters:
  ///   - start: Where the search begins; nil is 0.
  ///   - tolerance: The largest part of the gradient that is left.
  /// - Throws: `InterruptedError`.
  func fit(
    from start: [Double]? = nil, iterationLimit: Int, tolerance: Double = 1e-6
  ) throws -> LBFGS.Minimum {
    var search = LBFGS()
    search.gradientTolerance = tolerance
    search.iterationLimit = iterationLimit
    let width = features.featureCount
    return try search.minimum(
      from: start ?? [Double](repeating: 0, count: classCount * (width + 1))
    ) { x in
      try Interruption.check()
      return objective(x)
    }
  }

  /// The classifier of an optimum.
  static func classifier(_ x: [Double], classCount: Int) -> ProbeClassifier {
    ProbeClassifier(layer(x, classCount: classCount))
  }

  private static func layer(_ x: [Double], classCount: Int) -> Linear {
    let width = x.count / classCount - 1
    return Linear(
      weight: Tensor(x.prefix(classCount * width).map { Float($0) }, shape: [classCount, width]),
      bias: Tensor(x.suffix(classCount).map { Float($0) }, shape: [classCount]))
  }

  /// The mean over the rows, and its gradient.
  func objective(_ x: [Double]) -> (value: Double, gradient: [Double]) {
    let width = features.featureCount
    let weightCount = classCount * width
    var (loss, gradient) =
      rows.count * weightCount <= Self.exactProducts ? exactSums(x) : fastSums(x)
    let share = 1 / Double(rows.count)
    var squares = 0.0
    for at in 0..<weightCount {
      squares += x[at] * x[at]
      gradient[at] = (gradient[at] + regularization * x[at]) * share
    }
    for at in weightCount..<x.count { gradient[at] *= share }
    return ((loss + regularization / 2 * squares) * share, gradient)
  }

  /// The sum of cross-entropies and its gradient, in double precision.
  func exactSums(_ x: [Double]) -> (loss: Double, gradient: [Double]) {
    let (width, classes) = (features.featureCount, classCount)
    // Classes are neighbours, so that a feature meets all of them at once.
    var columns = [Double](repeating: 0, count: width * classes)
    for label in 0..<classes {
      for column in 0..<width { columns[column * classes + label] = x[label * width + column] }
    }
    let biases = Array(x.suffix(classes))
    let values = features.values
    nonisolated(unsafe) let source = values
    let parts = threadMap(rows.count) { [rows, columns, labels = features.labels] place in
      let row = rows[place]
      var logits = biases
      for column in 0..<width {
        let own = Double(source[row * width + column])
        let start = column * classes
        for label in 0..<classes { logits[label] += own * columns[start + label] }
      }
      let label = Int(labels[row])
      let highest = logits.max() ?? 0
      let right = logits[label]
      var sum = 0.0
      for at in 0..<classes {
        logits[at] = exp(logits[at] - highest)
        sum += logits[at]
      }
      for at in 0..<classes { logits[at] /= sum }
      logits[label] -= 1
      return (loss: log(sum) + highest - right, slopes: logits)
    }
    let sums = threadMap(classes) { [rows] label in
      var sums = [Double](repeating: 0, count: width + 1)
      for (place, row) in rows.enumerated() {
        let slope = parts[place].slopes[label]
        for column in 0..<width { sums[column] += slope * Double(source[row * width + column]) }
        sums[width] += slope
      }
      return sums
    }
    return (
      parts.reduce(0) { $0 + $1.loss },
      sums.flatMap { $0.dropLast() } + sums.map { $0[width] }
    )
  }

  /// The same with products in single precision.
  func fastSums(_ x: [Double]) -> (loss: Double, gradient: [Double]) {
    let weightCount = classCount * features.featureCount
    let layer = Self.layer(x, classCount: classCount)
    var loss = 0.0
    var gradient = [Double](repeating: 0, count: x.count)
    withoutGradients {
      for start in stride(from: 0, to: rows.count, by: Self.block) {
        let part = Array(rows[start..<min(rows.count, start + Self.block)])
        let inputs = features.rows(part)
        let (losses, slopes) = errors(layer(inputs), of: part)
        loss += losses
        let weights = matmul(transposed(slopes), inputs)
        weights.withValues { values in
          for at in 0..<weightCount { gradient[at] += Double(values[at]) }
        }
        slopes.withValues { values in
          for row in part.indices {
            for label in 0..<classCount {
              gradient[weightCount + label] += Double(values[row * classCount + label])
            }
          }
        }
      }
    }
    return (loss, gradient)
  }

  /// The sum of cross-entropies of some rows, and softmax − truth, `[rows, classes]`.
  private func errors(_ logits: Tensor, of part: [Int]) -> (Double, Tensor) {
    let classes = classCount
    let labels = part.map { Int(features.labels[$0]) }
    var losses = [Double](repeating: 0, count: part.count)
    let slopes = logits.withValues { values in
      // Each row is written by one thread.
      nonisolated(unsafe) let values = values
      return Tensor(shape: [part.count, classes]) { target in
        nonisolated(unsafe) let target = target
        losses.withUnsafeMutableBufferPointer { losses in
          nonisolated(unsafe) let losses = losses
          ThreadPool.shared.forEach(part.count) { row in
            let own = values[row * classes..<(row + 1) * classes]
            let highest = Double(own.max() ?? 0)
            var sum = 0.0
            for value in own { sum += exp(Double(value) - highest) }
            for (label, value) in own.enumerated() {
              let share = exp(Double(value) - highest) / sum
              target[row * classes + label] = Float(label == labels[row] ? share - 1 : share)
            }
            losses[row] = log(sum) + highest - Double(values[row * classes + labels[row]])
          }
        }
      }
    }
    return (losses.reduce(0, +), slopes)
  }
}
