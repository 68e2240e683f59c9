import CommandLine
import FileSupport
import Foundation
import TensorCore
import Threads
import VisionData

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

  /// The same for label maps: their layout, formats, sizes and values must be right before the first
  /// step.
  ///
  /// - Parameters:
  ///   - classes: As for `SegmentationClasses.find`.
  ///   - labels: How maps store classes; nil for what the class table says.
  /// - Throws: `DatasetError` for the first such fault.
  static func segmentationCheck(
    root: String, classes: String = "", labels: LabelEncoding.Kind? = nil, cache: String
  ) throws {
    let check = SegmentationCheck(root: root, classes: classes, labels: labels, depth: .quick)
    let lines = CheckProgress()
    let report = try check.run(
      cachedIn: cache + "/checks", threadCount: ThreadPool.shared.threadCount
    ) { done, total in lines.update(done: done, total: total) }
    lines.finish()
    for finding in report.findings where finding.severity > .note {
      if finding.severity == .error, !finding.rule.hasPrefix("image/") {
        throw DatasetError(
          path: root + "/" + finding.path, problem: finding.problem, remedy: finding.remedy)
      }
      Console.error(
        "\(finding.severity.rawValue): \(finding.path): \(finding.problem); \(finding.remedy)")
    }
  }
}
