import CommandLine
import FileSupport
import Loading
import VisionData

/// Says what a check of a data set found, and stops at what would spoil a run.
struct DatasetGate {
  /// The data set's folder.
  let root: String
  /// What is done at an image that cannot be decoded.
  let policy: BadImagePolicy

  /// Faults of one kind that are shown.
  private static let shownPerRule = 3
  /// Faults of single images, which `--on-bad-image` decides about.
  private static let imageRules: Set = [
    "image/unreadable", "image/empty", "image/truncated", "image/undecodable",
  ]

  /// Faults that a run can start with all the same; others stop it again where data are read.
  private static let passableRules = [
    "record/", "mask/", "image/", "category/malformed", "category/duplicate-id", "content/",
    "label/ignored-class", "layout/hidden-images", "layout/stray-images",
    "layout/absent-images",
  ]

  /// Prints warnings and errors, a few of each kind.
  ///
  /// - Throws: `DatasetError` for the first error that is more than one damaged image.
  func pass(_ report: DataCheckReport) throws(DatasetError) {
    var counts: [String: Int] = [:]
    var fault: DataFinding?
    for finding in report.findings where finding.severity > .note {
      counts[finding.rule, default: 0] += 1
      if fault == nil, stops(finding) {
        fault = finding
      } else if counts[finding.rule, default: 0] <= Self.shownPerRule {
        let skips = Self.imageRules.contains(finding.rule) && policy == .fail
        Console.error(
          "\(finding.severity.rawValue): \(finding.path): \(finding.problem); \(finding.remedy)"
            + (skips ? ", or run with --on-bad-image skip" : ""))
      }
    }
    for (rule, count) in counts.sorted(by: { $0.key < $1.key }) where count > Self.shownPerRule {
      Console.error("… and \(count - Self.shownPerRule) more of \(rule)")
    }
    guard let fault else { return }
    throw DatasetError(
      path: fault.path.hasPrefix("/") || fault.path.hasPrefix(root)
        ? fault.path : root + "/" + fault.path, problem: fault.problem,
      remedy: fault.remedy
        + (Self.passableRules.contains { fault.rule.hasPrefix($0) }
          ? ", or take the rest as it is with --no-check" : ""))
  }

  private func stops(_ finding: DataFinding) -> Bool {
    guard finding.severity == .error else { return false }
    if policy == .skip, finding.rule == "label/unreadable" { return false }
    return !Self.imageRules.contains(finding.rule)
  }
}
