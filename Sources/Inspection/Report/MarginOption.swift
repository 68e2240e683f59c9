import CommandLine
import Reporting

/// The margins of equivalence, declared before the run.
package enum MarginOption {
  package static let help =
    "Differences that do not matter, in points: top1=0.5,AP=0.3,mIoU=0.5. Without it the published "
    + "spread of trainings, which these are."

  /// Reads them.
  ///
  /// - Throws: `UsageError`.
  package static func margins(_ entries: [String]) throws(UsageError) -> Margins {
    guard let margins = Margins(points: entries) else {
      throw .conflict(
        "--margin got '\(entries.joined(separator: ","))'; give names with points above 0 and below "
          + "100, as top1=0.5; names are \(Margins.names.sorted().joined(separator: ", ")).")
    }
    var seen: Set<Substring> = []
    for entry in entries {
      let name = entry.prefix { $0 != "=" }
      guard seen.insert(name).inserted else { throw .conflict("--margin names \(name) twice.") }
    }
    return margins
  }
}
