import Foundation

/// Looks through a data set before hours are spent on it.
enum DatasetGate {
  static func quickCheck(root: String, cache: String) throws {}
}
