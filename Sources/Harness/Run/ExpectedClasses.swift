import Models

extension LoadedNetwork {
  /// Makes sure that a whole network tells the classes of a data set apart.
  ///
  /// The files that this suite writes name their classes; of others only the number is known.
  ///
  /// - Parameters:
  ///   - names: The data's classes by label.
  ///   - count: The network's classes.
  ///   - data: What holds the data's classes.
  /// - Throws: `CheckpointError` when the classes are others, or in another order.
  func expectClasses(_ names: [String], count: Int, of data: String) throws(CheckpointError) {
    let remedy = "give the data that the \(Network.file.kind) was trained for"
    guard count == names.count else {
      throw CheckpointError(
        path: report.path,
        problem: "tells \(count) classes apart where \(data) has \(names.count)", remedy: remedy)
    }
    guard let known = metadata["classes"], known != names.joined(separator: ",") else { return }
    throw CheckpointError(
      path: report.path,
      problem: "was trained for the classes '\(known.prefix(80))' where \(data) has "
        + "'\(names.joined(separator: ",").prefix(80))'", remedy: remedy)
  }
}
