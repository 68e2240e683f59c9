import FileSupport
import Foundation

/// The order of a data set's class folders against that of a classifier's answers.
///
/// A classifier whose classes are in another order answers consistently and wrongly: most images
/// of a folder get the same class, but not the folder's.
public enum ClassOrder {
  /// What the answers for the images of each class say about the order.
  ///
  /// - Parameter answers: By class, the classes that a classifier named for its images.
  public static func judge(_ answers: [[Int]]) -> DataFinding {
    let total = max(1, answers.reduce(0) { $0 + $1.count })
    let right = answers.enumerated().reduce(0) { sum, entry in
      sum + entry.element.count { $0 == entry.offset }
    }
    // The commonest answer of each folder; a classifier that knows the classes has another for
    // each, one that says the same of everything does not.
    let commonest = answers.compactMap { answers in
      Dictionary(grouping: answers) { $0 }.mapValues(\.count)
        .max { ($0.value, $1.key) < ($1.value, $0.key) }
    }
    let agreeing = commonest.reduce(0) { $0 + $1.value }
    let isDiverse = Set(commonest.map(\.key)).count * 2 >= commonest.count
    let accuracy = Double(right) / Double(total)
    let consistency = Double(agreeing) / Double(total)
    if isDiverse, consistency > 0.4, accuracy < consistency / 3 {
      return DataFinding(
        path: "val", rule: "layout/class-order", severity: .error,
        problem: "has its class folders in another order than the checkpoint's classifier: "
          + "\(percent(consistency)) % of its answers agree within a folder, but only "
          + "\(percent(accuracy)) % name the folder's own class",
        remedy: "name the folders so that their sorted order is the classifier's, as WordNet ids do"
      )
    }
    return DataFinding(
      path: "val", rule: "layout/class-order", severity: .note,
      problem: "the checkpoint's own classifier names \(percent(accuracy)) % of \(total) images "
        + "rightly in the folders' order",
      remedy: "nothing needs to be done")
  }

  private static func percent(_ share: Double) -> String { String(format: "%.1f", share * 100) }
}
