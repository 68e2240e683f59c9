import Foundation

/// What a suite does, in order, and what a budget leaves out.
struct SuitePlan {
  let jobs, leftOut: [SuiteJob.Prepared]
  /// Seconds of the backbones that the jobs share and that are made first.
  let backboneSeconds: Double

  /// Takes jobs in their order while they fit, each with the backbones that none before it made.
  ///
  /// - Parameter budget: Seconds in all; nil is as long as it takes.
  init(_ prepared: [SuiteJob.Prepared], budget: Double?) {
    var spent = 0.0
    var made: [String: Double] = [:]
    var (kept, left): ([SuiteJob.Prepared], [SuiteJob.Prepared]) = ([], [])
    for job in prepared {
      let missing = job.backbones.filter { made[$0.key] == nil }
      let seconds = job.seconds + missing.values.reduce(0, +)
      if let budget, spent + seconds > budget {
        left.append(job)
      } else {
        spent += seconds
        made.merge(missing) { known, _ in known }
        kept.append(job)
      }
    }
    (jobs, leftOut) = (kept, left)
    backboneSeconds = made.values.reduce(0, +)
  }

  /// The forecast.
  var text: String {
    func line(_ job: SuiteJob.Prepared, _ note: String) -> String {
      let time = job.seconds > 0 ? "about " + Self.time(job.seconds) : "done before"
      return "  \(job.job.title): \(time)\(note)"
    }
    let total = jobs.reduce(backboneSeconds) { $0 + $1.seconds }
    let own =
      backboneSeconds > 0
      ? ["  the suite's own backbones, made once: about \(Self.time(backboneSeconds))"] : []
    return
      (["forecast: about \(Self.time(total))"] + own + jobs.map { line($0, "") }
      + leftOut.map { line($0, ", left out by --budget") }).joined(separator: "\n")
  }

  /// A time for people.
  static func time(_ seconds: Double) -> String {
    switch seconds {
    case ..<90: String(format: "%.0f s", seconds)
    case ..<5400: String(format: "%.0f min", seconds / 60)
    case ..<172_800: String(format: "%.1f h", seconds / 3600)
    default: String(format: "%.1f days", seconds / 86_400)
    }
  }
}
