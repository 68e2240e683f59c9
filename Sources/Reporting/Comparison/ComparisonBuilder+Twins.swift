extension ComparisonBuilder {
  /// The runs of a row, each training once.
  ///
  /// - Parameter notes: Gets what was left out.
  static func withoutTwins(_ runs: [StoredRun], _ notes: inout [String]) -> [StoredRun] {
    var kept: [StoredRun] = []
    for run in runs {
      // The same run found under two folders is one seed, not two; two seeds may find the same.
      if let twin = kept.first(where: { $0.seed == run.seed && $0.result == run.result }) {
        notes.append("\(run.path) holds the same result as \(twin.path) and was left out")
      } else if let files = run.predictions,
        let twin = kept.first(where: { $0.predictions == files })
      {
        // Two trainings never give the same file.
        notes.append(
          "\(run.path) is of the same predictions as \(twin.path) and was left out: they are one "
            + "training")
      } else {
        kept.append(run)
      }
    }
    return kept
  }

  /// What is said of predictions that stand under two methods.
  static func sharedPredictions(_ runs: [StoredRun]) -> [String] {
    grouped(runs.filter { $0.predictions != nil }) { $0.predictions }.compactMap { same in
      guard let other = same.first(where: { $0.methodIdentity != same[0].methodIdentity }) else {
        return nil
      }
      return
        "\(same[0].path) and \(other.path) are of the same predictions under two names; one of "
        + "them is probably the wrong file"
    }
  }
}
