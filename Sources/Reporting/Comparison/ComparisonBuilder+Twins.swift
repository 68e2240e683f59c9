import Foundation

extension ComparisonBuilder {
  /// The runs of a row, each training once.
  ///
  /// Of runs that share a training the one with more of them stays, then the one of the newer engine,
  /// then the first.
  ///
  /// - Parameter notes: Gets what was left out.
  static func withoutTwins(_ runs: [StoredRun], _ notes: inout [String]) -> [StoredRun] {
    func isPreferred(_ a: Int, to b: Int) -> Bool {
      let counts = (runs[a].trainingCount, runs[b].trainingCount)
      guard counts.0 == counts.1 else { return counts.0 > counts.1 }
      let versions = (runs[a].engine["version"] ?? "", runs[b].engine["version"] ?? "")
      switch versions.0.compare(versions.1, options: .numeric) {
      case .orderedDescending: return true
      case .orderedAscending: return false
      case .orderedSame: return a < b
      }
    }
    var kept: [Int] = []
    for at in runs.indices.sorted(by: isPreferred) {
      let reasons = kept.lazy.compactMap { runs[at].sameTraining(as: runs[$0]) }
      if let reason = reasons.first {
        notes.append("\(runs[at].path) \(reason)")
      } else {
        kept.append(at)
      }
    }
    return kept.sorted().map { runs[$0] }
  }

  /// What is said of predictions that stand under two methods.
  static func sharedPredictions(_ runs: [StoredRun]) -> [String] {
    grouped(runs.filter { $0.predictions != nil }) { $0.predictions }.compactMap { same in
      guard Set(same.map(\.methodIdentity)).count > 1 else { return nil }
      let paths = same.map(\.path)
      return paths.dropLast().joined(separator: ", ") + " and \(paths[paths.count - 1]) are of the "
        + (same.count == 2
          ? "same predictions under two names; one of them is probably the wrong file"
          : "same predictions under \(same.count) names; all of them but one are probably wrong files")
    }
  }
}

extension StoredRun {
  /// Why a run of the same row tells nothing that another does not, as the end of a sentence; nil where
  /// both are trainings of their own.
  fileprivate func sameTraining(as other: StoredRun) -> String? {
    if let files = predictions, let known = other.predictions {
      // Two trainings never give the same file.
      return files == known
        ? "is of the same predictions as \(other.path) and was left out: they are one training"
        : nil
    }
    if let own = trainingSeeds, let known = other.trainingSeeds {
      // A seed gives the same training again; two seeds may find the same.
      let shared = own.intersection(known)
      guard weights == other.weights, !shared.isEmpty else { return nil }
      func list(_ seeds: Set<Int>) -> String {
        (seeds.count == 1 ? "seed " : "seeds ")
          + seeds.sorted().map(String.init).joined(separator: ", ")
      }
      let lost = own.subtracting(known)
      return "is the training of \(list(shared)) that \(other.path) is of, too, and was left out"
        + (lost.isEmpty ? "" : " with its \(list(lost)); a run of all these seeds counts them")
    }
    return outcome == other.outcome
      ? "holds the same result as \(other.path) and was left out" : nil
  }

  /// The seeds of the trainings that the numbers are of; nil where the run does not say.
  private var trainingSeeds: Set<Int>? {
    if let seed { return [seed] }
    guard let text = result.settings["seeds"] ?? result.settings["seed"] else { return nil }
    let seeds = text.split(separator: ",").compactMap { Int($0) }
    return seeds.isEmpty ? nil : Set(seeds)
  }

  /// What tells checkpoints of a row apart.
  private var weights: [String: String] {
    result.backbone["sha256"].map { ["sha256": $0] } ?? result.backbone
  }

  /// The result, whatever the folder of the data is called.
  private var outcome: RunResult {
    var outcome = result
    outcome.data["name"] = nil
    return outcome
  }
}
