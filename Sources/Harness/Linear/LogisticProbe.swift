import CommandLine
import Evaluation
import Foundation
import Layers
import Loading
import Protocols
import Reporting

/// Finds the optimum of logistic regression on stored features, with the strength of its penalty chosen
/// on held-out training images.
///
/// The search is CLIP's: seven strengths from 1e-6 to 1e6, then those half as far on both sides of the
/// best, until there are eight a decade. The chosen one is fitted on all training images. Of equally
/// good strengths the strongest is taken.
///
/// Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021,
/// appendix A.3.
struct LogisticProbe {
  let settings: LinearProtocol
  let train, validation: FeatureMatrix
  let classCount: Int
  let seed: Int
  let label: String

  /// The largest part of the gradient of fits that are only compared: scikit-learn's usual one.
  static let searchTolerance = 1e-4

  /// Strengths by their place on the grid: 10^(−6 + place/8), 0...96.
  static let places = 0...96

  static func regularization(_ place: Int) -> Double { pow(10, -6 + Double(place) / 8) }

  /// One strength and what it reached on the held-out images.
  private struct Fit {
    let regularization: Double, accuracy: Double
    let x: [Double]
  }

  /// Fits, chooses, and answers.
  ///
  /// - Throws: `InterruptedError`.
  func outcome() throws -> LinearOutcome {
    let heldOut =
      settings.selects
      ? LinearProbe.heldOutRows(settings, train, classCount: classCount, seed: seed) : []
    var remarks: [String] = []
    let lines = ProgressReporter(label, total: settings.selects ? 16 : 1, unit: "fits")
    var regularization = settings.regularizations.first ?? 1
    var fits: [Fit] = []
    if settings.selects {
      let held = Set(heldOut)
      let rest = (0..<train.count).filter { !held.contains($0) }
      fits = try search(rest, heldOut) { lines.advance(to: $0) }
      let best = fits.map(\.accuracy).max() ?? 0
      let equal = fits.filter { $0.accuracy == best }.map(\.regularization).sorted(by: >)
      regularization = equal.first ?? regularization
      if equal.count > 1 {
        remarks.append(
          "\(equal.count) regularizations from \(Self.text(equal[equal.count - 1])) to "
            + "\(Self.text(equal[0])) did equally well on \(heldOut.count) held-out images (seed "
            + "\(seed)); the strongest was taken")
      }
    }
    let fit = try LogisticRegression(
      features: train, rows: Array(0..<train.count), classCount: classCount,
      regularization: regularization
    ).fit(
      from: fits.first { $0.regularization == regularization }?.x,
      iterationLimit: settings.iterationLimit)
    lines.finish()
    if fit.ending == .limit {
      remarks.append(
        "L-BFGS stopped at its limit of \(settings.iterationLimit) iterations (seed \(seed)), the "
          + "largest part of the gradient at \(String(format: "%.1e", fit.gradient))")
    }
    let classifier = LogisticRegression.classifier(fit.x, classCount: classCount)
    let records = classifier.records(validation)
    return LinearOutcome(
      seed: seed,
      chosen: ["regularization": regularization, "iterations": Double(fit.iterations)],
      remarks: remarks, heldOutCount: heldOut.count, classifier: classifier, records: records,
      score: ClassificationScore(records, classCount: classCount))
  }

  private static func text(_ regularization: Double) -> String {
    String(format: "%.2g", regularization)
  }

  /// Every strength that was tried, from the strongest to the weakest of each round.
  private func search(
    _ rows: [Int], _ heldOut: [Int], progress: (Int) -> Void
  ) throws -> [Fit] {
    var fits: [Fit] = []
    func attempt(_ regularization: Double) throws -> Fit {
      // The optimum of the nearest strength that is known is a good start.
      let near = fits.min {
        abs(log($0.regularization / regularization)) < abs(log($1.regularization / regularization))
      }
      let fit = try LogisticRegression(
        features: train, rows: rows, classCount: classCount, regularization: regularization
      ).fit(
        from: near?.x, iterationLimit: settings.iterationLimit, tolerance: Self.searchTolerance)
      let classifier = LogisticRegression.classifier(fit.x, classCount: classCount)
      let top1 = ClassificationScore(
        classifier.records(train, rows: heldOut), classCount: classCount
      ).top1
      let found = Fit(regularization: regularization, accuracy: top1, x: fit.x)
      fits.append(found)
      progress(fits.count)
      return found
    }
    guard settings.regularizations.isEmpty else {
      for regularization in settings.regularizations.sorted(by: >) {
        _ = try attempt(regularization)
      }
      return fits
    }
    var known: [Int: Double] = [:]
    func visit(_ place: Int) throws {
      guard Self.places.contains(place), known[place] == nil else { return }
      known[place] = try attempt(Self.regularization(place)).accuracy
    }
    for place in stride(from: Self.places.upperBound, through: Self.places.lowerBound, by: -16) {
      try visit(place)
    }
    var step = 8
    while step > 0 {
      let best = known.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
      try visit(best + step)
      try visit(best - step)
      step /= 2
    }
    return fits
  }
}
