import CommandLine
import Reporting

/// The margins of equivalence, declared before the run.
package enum MarginOption {
  package static let help =
    "Differences that do not matter, in points: top1=0.5,AP=0.3,mIoU=0.5. Without it the published "
    + "spread of trainings, which these are."

  /// Reads them.
  ///
  /// - Parameter tasks: Whose numbers the program compares.
  /// - Throws: `UsageError`, also for a number that no task of these has.
  package static func margins(
    _ entries: [String], of tasks: [TaskDescription] = TaskDescription.all
  ) throws(UsageError) -> Margins {
    let names = Margins.names(of: tasks)
    let known = "names are \(names.sorted().joined(separator: ", "))."
    guard let margins = Margins(points: entries) else {
      throw .conflict(
        "--margin got '\(entries.joined(separator: ","))'; give names with points above 0 and below "
          + "100, as top1=0.5; \(known)")
    }
    var seen: Set<Substring> = []
    for entry in entries {
      let name = entry.prefix { $0 != "=" }
      guard names.contains(String(name)) else {
        throw .conflict("--margin names \(name), which is not compared here; \(known)")
      }
      guard seen.insert(name).inserted else { throw .conflict("--margin names \(name) twice.") }
    }
    return margins
  }
}
