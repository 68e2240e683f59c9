import CommandLine

/// What follows a picture's name in its label map's.
package enum LabelSuffix {
  package static let help =
    "What follows a picture's name in its map's, as _mask. Without it what is usual in the layout."

  /// - Throws: `UsageError` for what is no part of a file's name.
  package static func validate(_ suffix: String?) throws(UsageError) {
    guard let suffix, suffix.contains("/") || suffix.lowercased().hasSuffix(".png") else { return }
    throw .conflict(
      "--label-suffix takes the end of the maps' names without folder and .png, got '\(suffix)'.")
  }
}
