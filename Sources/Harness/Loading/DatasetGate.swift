import Foundation
import TensorCore

/// Looks through a data set before hours are spent on it.
enum DatasetGate {
  /// Runs the quick check, says what it found, and stops at a broken layout.
  ///
  /// Damaged images are left to `--on-bad-image`.
  ///
  /// - Throws: `DatasetError` for the first fault of the layout.
  static func quickCheck(root: String, cache: String) throws {
    let report = try DataCheck(root: root, depth: .quick).run(
      cachedIn: cache + "/checks", threadCount: ThreadPool.shared.threadCount)
    for finding in report.findings where finding.severity > .note {
      if finding.severity == .error, finding.rule.hasPrefix("layout/") {
        throw DatasetError(
          path: root + "/" + finding.path, problem: finding.problem, remedy: finding.remedy)
      }
      Console.error(
        "\(finding.severity.rawValue): \(finding.path): \(finding.problem); \(finding.remedy)")
    }
  }
}
