import CommandLine
import FileSupport
import Foundation
import Models
import Reporting
import Runs
import Training

/// A learning rate that was chosen on images that train nothing of what is reported.
struct RateChoice {
  let rate: Double
  /// Images that the rates were scored on.
  let count: Int
  /// What every rate scored, as a sentence.
  let note: String
}

extension FineTuning {
  /// Trains the candidate's first seed once a rate on a part of the training images, and takes the
  /// rate whose network scores the other part best; the lowest of equal ones.
  ///
  /// A rate that diverges loses. Each trial leaves its score in the run's folder, so that a run that
  /// is stopped does not repeat it.
  ///
  /// - Parameter folder: The run's.
  /// - Throws: `UsageError` for too few images; what loading, training and scoring throw;
  ///   `TrainingError` when every rate diverges.
  func chooseRate(
    _ candidate: Candidate, seed: Int, key: String, in folder: String
  ) throws -> RateChoice {
    guard let (held, count) = try task.holdingOut(options.heldOut) else {
      throw UsageError.conflict(
        "--held-out \(options.heldOut.argument) leaves no image on one side; give another part, or "
          + "more training images.")
    }
    let numbers = Task.description.metrics
    var number = numbers[0]
    let rates = options.learningRates.sorted()
    var scores: [Double] = []
    var divergence: TrainingError?
    for rate in rates {
      let run = try RunDirectory(path: "\(folder)/rates/\(rate.argument)")
      if let known = run.read("score.json"), let score = known["score"] {
        scores.append(score.doubleValue ?? .nan)
        continue
      }
      let label = "\(candidate.title) rate \(rate.argument)"
      let trial = held.learning(at: rate)
      var score = Double.nan
      do {
        let network = try start(candidate, seed: seed).network
        try train(
          network, on: trial, seed: seed, key: "\(key) rate \(rate.argument)", in: run,
          label: label, isWatched: false)
        let metrics = trial.metrics(try trial.score(network, in: run, label: label))
        // The task's first number, by the name that it has in this test.
        number = numbers.first { metrics[$0.key] != nil } ?? number
        score = metrics[number.key]?.value ?? .nan
      } catch let error as TrainingError {
        divergence = error
      }
      try run.clear()
      try run.write(
        .object(["score": .number(score), "images": .integer(count)]), to: "score.json")
      scores.append(score)
    }
    let finite = scores.indices.filter { scores[$0].isFinite }
    guard let best = finite.max(by: { scores[$0] < scores[$1] }) else {
      throw divergence
        ?? TrainingError.notFinite(
          what: "the score of every rate", step: 0, remedy: "give lower --learning-rates")
    }
    // Of equal scores the lowest rate.
    let chosen = finite.first { scores[$0] == scores[best] } ?? best
    let list = zip(rates, scores).map { rate, score in
      "\(rate.argument) \(score.isFinite ? percentage(score) : "diverged")"
    }
    return RateChoice(
      rate: rates[chosen], count: count,
      note: "learning rate \(rates[chosen].argument), chosen by \(number.title) of \(count) "
        + "held-out training images: " + list.joined(separator: ", ")
        + (finite.count { scores[$0] == scores[best] } > 1 ? "; of equal ones the lowest" : ""))
  }
}
