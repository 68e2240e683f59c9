import FileSupport

/// A point of a run's learning curves: one row of `events.jsonl`.
///
///     {"learning_rate":0.0001,"loss":2.31,"step":7}
public struct RunEvent: Sendable, Equatable {
  /// The file's name in the folder of a run.
  public static let file = "events.jsonl"

  /// Updates of the weights before this one, from 0; nil for what belongs to a whole epoch.
  public var step: Int?
  /// The epoch, from 1.
  public var epoch: Int?
  /// The run's seed, where one file has several.
  public var seed: Int?
  /// What was measured, by name.
  public var values: [String: Double]

  /// Describes a point.
  public init(
    step: Int? = nil, epoch: Int? = nil, seed: Int? = nil, values: [String: Double]
  ) {
    self.step = step
    self.epoch = epoch
    self.seed = seed
    self.values = values
  }

  /// Where it stands on the axis; nil for a row that is no point of a curve.
  public var position: Int? { step ?? epoch }

  /// The row.
  public var json: JSONValue {
    var members = values.mapValues { JSONValue.number($0) }
    members["step"] = step.map { .integer($0) }
    members["epoch"] = epoch.map { .integer($0) }
    members["seed"] = seed.map { .integer($0) }
    return .object(members)
  }

  /// Reads a row of any schema; nil when it is no object.
  public init?(_ row: JSONValue) {
    guard case .object(var members) = SchemaMigration.event(row) else { return nil }
    step = members.removeValue(forKey: "step")?.intValue
    epoch = members.removeValue(forKey: "epoch")?.intValue
    seed = members.removeValue(forKey: "seed")?.intValue
    values = members.compactMapValues(\.doubleValue)
  }
}
