import FileSupport
import Foundation

/// The class of every image of a split that has no class folders, from a file beside them.
///
/// A line of a `val_map.txt` is a file and its class, parted by the last tab, comma or space, so that
/// file names may hold spaces, or fields in quotes as in CSV; a first line that names no image names
/// the columns. Tiny-ImageNet's `val_annotations.txt` has a box behind them, Kaggle's
/// `LOC_val_solution.csv` names files without their ending and boxes behind the class. Classes are
/// names; where every one is a whole number below the number of classes and no class is called so,
/// they are indices, as in the Swin authors' own file.
struct ValidationMap {
  let path: String
  private let classes: [String: String]
  private let form: Form

  /// The files that are known, the likeliest first.
  private enum Form: String, CaseIterable {
    case map = "val_map.txt"
    case tinyImageNet = "val_annotations.txt"
    case kaggle = "LOC_val_solution.csv"
  }

  /// Reads the map in a folder or the one above; nil where there is none.
  ///
  /// - Throws: `DatasetError` for a line that is no pair, and for a file with two classes.
  static func find(root: String) throws(DatasetError) -> ValidationMap? {
    let parent = RelativePath.folder(of: root)
    for form in Form.allCases {
      let places = [root, parent.isEmpty ? "." : parent].map { "\($0)/\(form.rawValue)" }
        .filter { FileManager.default.fileExists(atPath: $0) }
      let maps = try places.map { (path) throws(DatasetError) in
        try ValidationMap(path: path, form)
      }
      guard let map = maps.first else { continue }
      if let other = maps.last, other.classes != map.classes {
        throw DatasetError(
          path: map.path, problem: "does not say the same as \(other.path)",
          remedy: "remove the one that is wrong")
      }
      return map
    }
    return nil
  }

  /// Files that it names and that are not among some.
  func absent(among files: some Sequence<String>) -> [String] {
    var left = Set(classes.keys)
    for file in files {
      let name = (file as NSString).lastPathComponent as NSString
      left.remove(form == .kaggle ? name.deletingPathExtension : name as String)
    }
    return left.sorted()
  }

  private init(path: String, _ form: Form) throws(DatasetError) {
    self.path = path
    self.form = form
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try FileBytes.readText(path)
    } catch {
      throw DatasetError(path: path, problem: error.problem, remedy: error.remedy)
    }
    let text = String(decoding: bytes, as: UTF8.self)
    var classes: [String: String] = [:]
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty || form == .kaggle && number == 0 { continue }
      let split = Self.split(line, form)
      // Names of the columns name no image.
      if number == 0, let split, !ImageFolder.isImage(split.file) { continue }
      guard let split else {
        throw DatasetError(
          path: path, problem: "line \(number + 1) is not 'file class'",
          remedy: "write one file name and one class name a line")
      }
      if let other = classes.updateValue(split.label, forKey: split.file), other != split.label {
        throw DatasetError(
          path: path,
          problem: "line \(number + 1) gives '\(split.file)' the class '\(split.label)', an "
            + "earlier one '\(other)'", remedy: "keep one of them")
      }
    }
    self.classes = classes
  }

  private static func split(_ line: String, _ form: Form) -> (file: String, label: String)? {
    if form != .map {
      let fields = line.split { $0 == "\t" || $0 == "," || $0 == " " }
      guard fields.count > 1 else { return nil }
      return ((String(fields[0]) as NSString).lastPathComponent, String(fields[1]))
    }
    if line.contains("\""),
      let fields = try? DelimitedText.rows(Array(line.utf8), path: "").first?.fields,
      fields.count == 2
    {
      return ((fields[0] as NSString).lastPathComponent, fields[1])
    }
    for separators in ["\t", ",", " "] {
      guard let at = line.lastIndex(where: { separators.contains($0) }) else { continue }
      let file = line[..<at].trimmingCharacters(in: .whitespaces)
      let label = line[line.index(after: at)...].trimmingCharacters(in: .whitespaces)
      guard !file.isEmpty, !label.isEmpty else { return nil }
      return ((file as NSString).lastPathComponent, label)
    }
    return nil
  }

  /// The first of some files that it gives another class than its folder does, as a sentence; nil where
  /// all agree, have no line, or share a name, which it cannot tell apart.
  func contradiction(of files: [(path: String, label: Int32)], classes known: [String]) -> String? {
    let lookup = lookup(classes: known)
    var names: Set<String> = []
    let areUnique = files.allSatisfy {
      names.insert(($0.path as NSString).lastPathComponent).inserted
    }
    guard areUnique else { return nil }
    for file in files {
      guard let said = try? lookup(file.path, ""), said != file.label else { continue }
      return
        "gives \((file.path as NSString).lastPathComponent) the class '\(known[Int(said)])', but it lies "
        + "in the folder of '\(known[Int(file.label)])'"
    }
    return nil
  }

  /// A function that gives the class index of a file.
  ///
  /// It throws `DatasetError` for a file without a line, and for a class that is not known.
  func lookup(classes known: [String]) -> (_ file: String, _ root: String) throws(DatasetError)
    -> Int32
  {
    let index = Dictionary(known.enumerated().map { ($1, Int32($0)) }) { first, _ in first }
    let areIndices = classes.values.allSatisfy { label in
      Int(label).map { known.indices.contains($0) && index[label] == nil } ?? false
    }
    return { (file, root) throws(DatasetError) -> Int32 in
      let name = (file as NSString).lastPathComponent as NSString
      guard
        let label = classes[form == .kaggle ? name.deletingPathExtension : name as String]
      else {
        throw DatasetError(
          path: root + "/" + file, problem: "has no line in \(form.rawValue)",
          remedy: "add its class there or remove the file")
      }
      guard let found = areIndices ? Int32(label) : index[label] else {
        throw DatasetError(
          path: root + "/" + file, problem: "has class '\(label)', which the training split lacks",
          remedy: "correct \(path)")
      }
      return found
    }
  }
}
