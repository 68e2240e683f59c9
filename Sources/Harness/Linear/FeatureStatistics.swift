import CommandLine
import Evaluation
import Foundation
import Loading
import Models
import Reporting
import TensorCore
import Threads
import VisionData

/// What frozen features say without any label, and a picture of them.
struct FeatureStatistics {
  /// The features, and the part of them that is the network's own.
  let features: FeatureMatrix
  let columns: Range<Int>

  /// Images that RankMe is taken of, evenly spread; as many as its paper takes.
  static let rankCount = 25_600
  /// Images of a picture.
  static let pictureCount = 1000
  /// Classes of a picture: as many as colours are told apart.
  static let pictureClasses = 8
  /// Axes that t-SNE sees: van der Maaten's usual number.
  static let embeddedAxes = 50

  /// Some rows of the part, in double precision, `[rows, columns]`.
  private func numbers(_ rows: [Int]) -> [Double] {
    rows.flatMap { row in
      columns.map { Double(features.values[row * features.featureCount + $0]) }
    }
  }

  /// Zᵀ Z of rows of `width` numbers, in a fixed order.
  static func gram(_ z: [Double], width: Int) -> [Double] {
    let count = z.count / max(1, width)
    let rows = threadMap(width) { i -> [Double] in
      var sums = [Double](repeating: 0, count: i + 1)
      sums.withUnsafeMutableBufferPointer { sums in
        z.withUnsafeBufferPointer { z in
          for row in 0..<count {
            let own = z[row * width + i]
            for j in 0...i { sums[j] += own * z[row * width + j] }
          }
        }
      }
      return sums
    }
    var gram = [Double](repeating: 0, count: width * width)
    for i in 0..<width {
      for j in 0...i { (gram[i * width + j], gram[j * width + i]) = (rows[i][j], rows[i][j]) }
    }
    return gram
  }

  /// The effective rank of the features as they are, not centred.
  ///
  ///     p = σ / Σσ + 1e-7;   RankMe = exp(−Σ p log p)
  ///
  /// The singular values σ are the roots of the eigenvalues of Zᵀ Z.
  ///
  /// Source: Garrido et al., RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised
  /// Representations by Their Rank, 2023.
  static func rankMe(_ z: [Double], width: Int) -> Double {
    let values = SymmetricEigen(gram(z, width: width), count: width).values
    let count = min(width, z.count / max(1, width))
    let singular = values.prefix(count).map { max(0, $0).squareRoot() }
    let total = singular.reduce(0, +)
    guard total > 0 else { return 0 }
    return exp(
      singular.reduce(0.0) { sum, value in
        let share = value / total + 1e-7
        return sum - share * log(share)
      })
  }

  /// Adds RankMe and the spread of unit vectors: 1 on the whole sphere, 0 where all are the same.
  func summarize(into result: inout RunResult) {
    let rows = evenPlaces(Self.rankCount, of: features.count)
    result.metrics["rankme"] = MetricValue(
      Self.rankMe(numbers(rows), width: columns.count), count: rows.count)
    let units = withoutGradients { l2Normalized(features.rows(rows, columns: columns)) }
    result.metrics["feature_spread"] = MetricValue(
      RepresentationHealth.spread(units), count: rows.count)
  }

  // MARK: Picture

  /// The two main axes of rows of `width` numbers, and the parts of the variance along all axes.
  ///
  /// - Returns: `[count, axes]` positions along the first axes.
  static func principal(
    _ z: [Double], width: Int, axes: Int
  ) -> (positions: [Double], shares: [Double]) {
    let count = z.count / max(1, width)
    var centred = z
    for column in 0..<width {
      var mean = 0.0
      for row in 0..<count { mean += z[row * width + column] }
      mean /= Double(max(1, count))
      for row in 0..<count { centred[row * width + column] -= mean }
    }
    let eigen = SymmetricEigen(gram(centred, width: width), count: width)
    let total = eigen.values.reduce(0) { $0 + max(0, $1) }
    let used = eigen.vectors.prefix(axes)
    var positions: [Double] = []
    positions.reserveCapacity(count * used.count)
    for row in 0..<count {
      for axis in used {
        var sum = 0.0
        for column in 0..<width { sum += centred[row * width + column] * axis[column] }
        positions.append(sum)
      }
    }
    return (positions, eigen.values.map { total > 0 ? max(0, $0) / total : 0 })
  }

  /// Where images of a few classes lie, by PCA and by t-SNE; none of fewer than eight images.
  ///
  /// - Throws: `InterruptedError`.
  func pictures(classNames: [String], seed: UInt64) throws -> [RunPlots.Lines] {
    // The first classes in their order: what is shown does not depend on how good the features are.
    let shown = Set(features.labels).sorted().prefix(Self.pictureClasses)
    let all = features.labels.indices.filter { shown.contains(features.labels[$0]) }
    let rows = evenPlaces(Self.pictureCount, of: all.count).map { all[$0] }
    guard rows.count >= 8 else { return [] }
    let axes = min(Self.embeddedAxes, columns.count)
    let (positions, shares) = Self.principal(numbers(rows), width: columns.count, axes: axes)
    let embedded = try TSNE(positions, count: rows.count, seed: seed) { try Interruption.check() }
    func cloud(
      _ title: String, _ xLabel: String, _ yLabel: String, _ place: (Int) -> (Double, Double)
    ) -> RunPlots.Lines {
      RunPlots.Lines(
        title: title, xLabel: xLabel, yLabel: yLabel,
        lines: shown.map { label in
          let members = rows.indices.filter { features.labels[rows[$0]] == label }
          return RunPlots.Lines.Line(
            name: classNames[Int(label)], x: members.map { place($0).0 },
            y: members.map { place($0).1 })
        })
    }
    func share(_ axis: Int) -> String {
      axis < shares.count ? percentage(shares[axis]) + " % of the variance" : "nothing"
    }
    let part =
      shown.count < classNames.count ? ", \(shown.count) of \(classNames.count) classes" : ""
    return [
      cloud("features by PCA" + part, share(0), share(1)) { at in
        (positions[at * axes], axes > 1 ? positions[at * axes + 1] : 0)
      },
      cloud(
        "features by t-SNE, perplexity 30, divergence "
          + String(format: "%.2f", embedded.divergence) + part, "", ""
      ) { (embedded.positions[2 * $0], embedded.positions[2 * $0 + 1]) },
    ]
  }
}
