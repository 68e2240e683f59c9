import FileSupport
import Foundation
import TensorCore

/// What a run's representations are like at one step.
public struct HealthRecord: Sendable, Equatable {
  /// The update, from 0.
  public let step: Int
  /// Spread of the unit outputs and of the unit features, 0 (all the same) to 1.
  public let outputSpread, featureSpread: Double
  /// Effective rank of the outputs.
  public let effectiveRank: Double
  /// Mean cosine of pairs and of others.
  public let positive, negative: Double?
  /// Relative distance of the target from the online network.
  public let momentumGap: Double?

  /// Measures a method after a step.
  public init?(_ method: any PretrainingMethod, features: Tensor?, step: Int) {
    guard let seen = method.observation else { return nil }
    self.step = step
    outputSpread = RepresentationHealth.spread(seen.queries)
    featureSpread = features.map { RepresentationHealth.spread($0) } ?? outputSpread
    effectiveRank = RepresentationHealth.effectiveRank(seen.queries)
    (positive, negative) = RepresentationHealth.similarities(queries: seen.queries, keys: seen.keys)
    momentumGap = RepresentationHealth.momentumGap(method.followed)
  }

  /// A record of known numbers.
  public init(
    step: Int, outputSpread: Double, featureSpread: Double, effectiveRank: Double,
    positive: Double?, negative: Double?, momentumGap: Double?
  ) {
    self.step = step
    self.outputSpread = outputSpread
    self.featureSpread = featureSpread
    self.effectiveRank = effectiveRank
    self.positive = positive
    self.negative = negative
    self.momentumGap = momentumGap
  }

  /// The record as a line of a run.
  public var json: JSONValue {
    var members: [String: JSONValue] = [
      "step": .integer(step), "output_spread": .number(outputSpread),
      "feature_spread": .number(featureSpread), "effective_rank": .number(effectiveRank),
    ]
    if let positive { members["positive"] = .number(positive) }
    if let negative { members["negative"] = .number(negative) }
    if let momentumGap { members["momentum_gap"] = .number(momentumGap) }
    return .object(members)
  }

  /// Reads a line; nil when it is of another form.
  public init?(_ json: JSONValue) {
    guard let step = json["step"]?.intValue,
      let outputSpread = json["output_spread"]?.doubleValue,
      let featureSpread = json["feature_spread"]?.doubleValue,
      let effectiveRank = json["effective_rank"]?.doubleValue
    else { return nil }
    self.init(
      step: step, outputSpread: outputSpread, featureSpread: featureSpread,
      effectiveRank: effectiveRank, positive: json["positive"]?.doubleValue,
      negative: json["negative"]?.doubleValue, momentumGap: json["momentum_gap"]?.doubleValue)
  }
}

/// Watches a run for collapse: outputs that are the same for every image.
public struct HealthMonitor {
  /// Steps between two looks.
  public static let interval = 5
  /// Spread below which outputs count as the same.
  public static let collapsedSpread = 0.05
  /// Looks in a row that must agree.
  public static let patience = 3

  /// Everything seen so far.
  public private(set) var records: [HealthRecord] = []
  /// The sentence that was said, if one was.
  public private(set) var verdict: String?

  /// Nothing seen yet.
  public init() {}

  /// Takes a measurement in.
  ///
  /// - Returns: A sentence, the first time that the run looks collapsed.
  public mutating func add(_ record: HealthRecord) -> String? {
    records.append(record)
    guard verdict == nil, let first = records.first, records.count > Self.patience else {
      return nil
    }
    let last = records.suffix(Self.patience)
    let highest = records.map(\.outputSpread).max() ?? 0
    // A fresh network without normalisation starts with a small spread that grows; a collapse is
    // one that shrinks.
    let hasCollapsed = last.allSatisfy {
      $0.outputSpread < Self.collapsedSpread && $0.outputSpread < 0.5 * highest
    }
    guard hasCollapsed else { return nil }
    let sentence =
      "the outputs collapsed: at step \(record.step) they are nearly the same for every image "
      + String(
        format: "(spread %.3f of 1, it was %.3f at step %d", record.outputSpread,
        first.outputSpread, first.step)
      + (record.negative.map { String(format: "; mean cosine of different images %.3f", $0) } ?? "")
      + "); lower the learning rate, or raise batch size, warm-up or start momentum"
    verdict = sentence
    return sentence
  }
}
