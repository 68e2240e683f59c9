import CommandLine

/// Settings of looking at a training while it runs, and of going on with one that was stopped.
struct WatchOptions: Sendable {
  /// Epochs or updates between two looks at the test images, and between two networks that are kept.
  var evaluationInterval: Int?, keptInterval: Int?
  var saveMinutes = 5.0

  /// The options that ask for something on the way.
  static let looks = ["evaluate-every", "keep-checkpoints"]

  /// Refuses looks that would come after the training's end.
  ///
  /// - Throws: `UsageError`.
  func validate(length: Int, _ unit: LengthUnit) throws(UsageError) {
    for (name, interval) in zip(Self.looks, [evaluationInterval, keptInterval]) {
      guard let interval, interval > length else { continue }
      throw .conflict(
        "--\(name) \(interval) would come after the \(length) \(unit.plural) of the run; give at "
          + "most \(length).")
    }
  }

  /// The options.
  ///
  /// - Parameters:
  ///   - network: What is trained.
  ///   - unit: What a training's length is counted in.
  static func table(network: String, unit: LengthUnit) -> OptionTable<WatchOptions> {
    OptionTable()
      .option(
        "evaluate-every", \.evaluationInterval, in: .count, value: unit.plural, .run,
        "Score the test images while training, for the curve; the training does not change."
      )
      .option(
        "keep-checkpoints", \.keptInterval, in: .count, value: unit.plural, .run,
        "Keep the \(network) of every so many \(unit.plural), named by its \(unit.rawValue)."
      )
      .option(
        "save-minutes", \.saveMinutes, in: .within(0, 1e6), value: "x", .run,
        "Time between states to go on from."
      )
  }
}
