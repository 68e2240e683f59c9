import Evaluation
import Foundation
import Models
import TensorCore
import TestSupport
import Testing

@testable import Evaluation
@testable import Harness

private struct Reference: Decodable {
  struct Spread: Decodable { let rankMe, deviation: Double, singular: [Double] }
  struct Embedding: Decodable {
    let variances, projected, similarities, divergences: [Double]
    let perplexity: Double
  }
  let spread: Spread
  let embedding: Embedding

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/probes.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

/// The features of `Tests/References/probes.py`.
private func features(_ rows: Int, _ width: Int) -> [Double] {
  let labels = DeterministicFill.values("probe.labels", count: rows).map {
    Int((Double($0) + 1) * 0.5 * 4)
  }
  let centres = DeterministicFill.values("probe.centres", count: 4 * width)
  let noise = DeterministicFill.values("probe.noise", count: rows * width, bound: 1.5)
  return (0..<rows * width).map {
    Double(centres[labels[$0 / width] * width + $0 % width] + noise[$0])
  }
}

@Suite("What features say without labels")
struct FeatureStatisticsTests {
  @Test("RankMe and spread are numpy's")
  func rank() throws {
    let expected = try Reference.load().spread
    let z = features(40, 12)
    let eigen = SymmetricEigen(FeatureStatistics.gram(z, width: 12), count: 12)
    for (value, singular) in zip(eigen.values, expected.singular) {
      #expect(abs(max(0, value).squareRoot() - singular) < 1e-8 * expected.singular[0])
    }
    #expect(abs(FeatureStatistics.rankMe(z, width: 12) - expected.rankMe) < 1e-7)
    let units = l2Normalized(Tensor(z.map { Float($0) }, shape: [40, 12]))
    #expect(abs(RepresentationHealth.spread(units) - expected.deviation) < 1e-6)
    // Fewer rows than columns have as many singular values as rows.
    #expect(FeatureStatistics.rankMe(Array(z.prefix(24)), width: 12) < 2.01)
    #expect(FeatureStatistics.rankMe([Double](repeating: 0, count: 24), width: 12) == 0)
  }

  @Test("An eigenvector times the matrix is the eigenvalue times itself", arguments: [1, 2, 7, 40])
  func eigen(count: Int) {
    let a = DeterministicFill.values("matrix", count: count * count).map { Double($0) }
    let matrix = (0..<count * count).map { a[$0] + a[$0 % count * count + $0 / count] }
    let eigen = SymmetricEigen(matrix, count: count)
    #expect(eigen.values == eigen.values.sorted(by: >))
    for (number, (value, vector)) in zip(eigen.values, eigen.vectors).enumerated() {
      for row in 0..<count {
        let product = (0..<count).reduce(0.0) { $0 + matrix[row * count + $1] * vector[$1] }
        #expect(abs(product - value * vector[row]) < 1e-12 * Double(count))
      }
      for (other, vectors) in eigen.vectors.enumerated() {
        let dot = zip(vector, vectors).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(dot - (number == other ? 1 : 0)) < 1e-12 * Double(count))
      }
    }
  }

  @Test("The main axes are scikit-learn's")
  func principal() throws {
    let expected = try Reference.load().embedding
    let (positions, shares) = FeatureStatistics.principal(features(90, 12), width: 12, axes: 2)
    for (own, value) in zip(shares, expected.variances) { #expect(abs(own - value) < 1e-7) }
    #expect(positions.count == expected.projected.count)
    for (own, value) in zip(positions, expected.projected) { #expect(abs(abs(own) - value) < 1e-5) }
  }

  @Test("t-SNE has scikit-learn's similarities, and leaves no more of its divergence")
  func embedding() throws {
    let expected = try Reference.load().embedding
    let z = features(90, 12)
    // scikit-learn lists the pairs of the upper half, which sum to a half.
    let p = TSNE.similarities(z, count: 90, perplexity: expected.perplexity)
    var pairs: [Double] = []
    for i in 0..<90 { for j in i + 1..<90 { pairs.append(p[i * 90 + j]) } }
    #expect(abs(p.reduce(0, +) - 1) < 1e-9)
    for (own, value) in zip(pairs, expected.similarities) {
      #expect(abs(own - value) < 1e-5 * (value + 1e-3))
    }
    let found = try (0..<5).map {
      try TSNE(z, count: 90, perplexity: expected.perplexity, seed: $0)
    }
    // Both end in minima of their own; the best of five are as good.
    let own = found.map(\.divergence)
    let (best, theirs) = (own.min() ?? 0, expected.divergences.min() ?? 0)
    #expect(best < 1.05 * theirs && best > 0.8 * theirs, "\(own), \(expected.divergences)")
    #expect((own.max() ?? 0) < 1.25 * (expected.divergences.max() ?? 0), "\(own)")
    let again = try withThreadCount(1) {
      try TSNE(z, count: 90, perplexity: expected.perplexity, seed: 0)
    }
    #expect(again.positions == found[0].positions)
  }
}
