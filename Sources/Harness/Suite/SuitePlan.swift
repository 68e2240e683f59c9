import Foundation

/// What a suite does, in order, and what a budget leaves out.
struct SuitePlan {
  let jobs, leftOut: [SuiteJob.Prepared]

  /// Takes jobs in their order while they fit.
  ///
  /// - Parameter budget: Seconds in all; nil is as long as it takes.
  init(_ prepared: [SuiteJob.Prepared], budget: Double?) {
    var spent = 0.0
    var (kept, left): ([SuiteJob.Prepared], [SuiteJob.Prepared]) = ([], [])
    for job in prepared {
      if let budget, spent + job.seconds > budget {
        left.append(job)
      } else {
        spent += job.seconds
        kept.append(job)
      }
    }
    (jobs, leftOut) = (kept, left)
  }

  /// The forecast.
  var text: String {
    func line(_ job: SuiteJob.Prepared, _ note: String) -> String {
      let time = job.seconds > 0 ? "about " + Self.time(job.seconds) : "done before"
      return "  \(job.job.title): \(time)\(note)"
    }
    let total = jobs.reduce(0) { $0 + $1.seconds }
    return
      (["forecast: about \(Self.time(total))"] + jobs.map { line($0, "") }
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
