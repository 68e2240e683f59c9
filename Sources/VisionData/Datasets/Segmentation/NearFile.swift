import Foundation

/// A file that probably belongs to a picture without being named as it should.
struct NearFile {
  /// The file, as it was listed.
  let file: String
  /// What follows the picture's name in the file's; empty where only the folders differ.
  let suffix: String

  /// The nearest of some files, by its name: one that goes on after the picture's, or has it in another
  /// folder.
  ///
  /// - Parameters:
  ///   - name: The picture's path without extension.
  ///   - files: Paths with extensions.
  static func find(_ name: String, among files: some Sequence<String>) -> NearFile? {
    let own = (name as NSString).lastPathComponent
    return files.compactMap { file -> NearFile? in
      let stem = (file as NSString).deletingPathExtension
      if stem == name { return nil }
      let isInPlace = stem.hasPrefix(name)
      let rest =
        isInPlace
        ? stem.dropFirst(name.count) : (stem as NSString).lastPathComponent.dropFirst(own.count)
      guard isInPlace || (stem as NSString).lastPathComponent.hasPrefix(own),
        // A digit goes on with another number.
        rest.first?.isNumber != true
      else { return nil }
      return NearFile(file: file, suffix: String(rest))
    }.min { $0.suffix.count < $1.suffix.count }
  }
}
