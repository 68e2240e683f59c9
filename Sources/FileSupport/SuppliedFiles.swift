import Foundation

/// Files that come with the programs: published figures.
public enum SuppliedFiles {
  /// Where a file of the suite lies: under the working folder, as in a checkout, else beside the
  /// program, as in a release.
  ///
  /// - Parameter name: Its path in the checkout; returned as it is when it is in neither place, so
  ///   that errors name what is looked for.
  public static func path(_ name: String) -> String {
    path(name, beside: Bundle.main.executablePath)
  }

  static func path(_ name: String, beside program: String?) -> String {
    let files = FileManager.default
    guard !files.fileExists(atPath: name), let program else { return name }
    let folder = (program as NSString).resolvingSymlinksInPath as NSString
    let supplied = folder.deletingLastPathComponent + "/" + name
    return files.fileExists(atPath: supplied) ? supplied : name
  }
}
