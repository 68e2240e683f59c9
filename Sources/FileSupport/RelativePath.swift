import Foundation

/// Names of files that were written elsewhere, in annotations, lists and archives; and parts of paths.
public enum RelativePath {
  /// Whether a name is that of something below the folder it is relative to.
  ///
  /// Said of the text alone: links are the owner's affair.
  public static func staysInside(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("/") && !name.utf8.contains(0)
      && !name.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
  }

  /// The folder of a path; empty for a name alone.
  ///
  /// Foundation's `deletingLastPathComponent` traps where a name has one letter.
  public static func folder(of path: String) -> String {
    let slash = UInt8(ascii: "/")
    let name = Array(path.utf8).reversed().drop { $0 == slash }.drop { $0 != slash }
    let folder = name.drop { $0 == slash }.reversed()
    return folder.isEmpty && path.hasPrefix("/") ? "/" : String(decoding: folder, as: UTF8.self)
  }

  /// The folder that a folder is in, relative where that one is.
  public static func above(_ folder: String) -> String {
    guard ![".", ".."].contains((folder as NSString).lastPathComponent) else {
      return folder + "/.."
    }
    let above = Self.folder(of: folder)
    return above.isEmpty ? "." : above
  }

  /// A path by which two of the same place are equal.
  public static func plain(_ path: String) -> String {
    URL(fileURLWithPath: path).standardized.path
  }

  /// What stands for a name in a file's name: letters and digits, dashes for all else, and no more than
  /// leaves room for what is put around it.
  public static func slug(_ name: String) -> String {
    var slug = String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    while slug.utf8.count > 160 { slug.removeLast() }
    return slug
  }

  /// The same, of another end where names that differ must stay apart in one folder.
  public static func ownSlug(_ name: String) -> String {
    let slug = slug(name)
    return slug == name ? slug : slug + "-" + SHA256.digest(name).prefix(12)
  }

  /// A name without what follows in it.
  public static func stem(_ name: String, suffix: String) -> String {
    name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
  }
}
