/// Names of files that were written elsewhere: in annotations, lists and archives.
public enum RelativePath {
  /// Whether a name is that of something below the folder it is relative to.
  public static func staysInside(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("/") && !name.utf8.contains(0)
      && !name.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
  }
}
