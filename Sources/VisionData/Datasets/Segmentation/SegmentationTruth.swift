import FileSupport
import Foundation

/// The label maps that predictions are scored against: those of a data set's split, by its layout, or
/// every map of a folder.
///
/// A data set's folder stands for its validation images, a folder of its label maps (`gtFine/train`,
/// `SegmentationClass`) for the split that has its maps there, the validation split first. No picture
/// is needed.
public struct SegmentationTruth: Sendable {
  /// The folder of the maps.
  public let root: String
  /// The images' names in the order of their pictures: paths inside the folder without suffix and
  /// extension.
  public let names: [String]
  private let paths: [String: String]
  /// The layout that the maps are a part of; nil for a folder by itself.
  public let layout: SegmentationLayout?
  private let split: SegmentationFolder.Split

  private let labelSuffix: String?

  /// Lists the maps of a data set, or of a folder.
  ///
  /// - Parameter labelSuffix: What follows a picture's name in its map's; nil is what is usual in the layout,
  ///   and nothing in a folder by itself.
  /// - Throws: `DatasetError` when the folder does not exist, or holds no label map.
  public init(_ path: String, labelSuffix: String? = nil) throws(DatasetError) {
    self.labelSuffix = labelSuffix
    guard let (layout, split) = try Self.part(at: path, labelSuffix: labelSuffix) else {
      let maps = try LabelMapFolder(path)
      let suffix = labelSuffix ?? ""
      let names = try Self.names(of: maps, suffix: suffix)
      (root, self.names, layout, split) = (maps.root, names, nil, .validation)
      paths = Self.paths(names, suffix: suffix, in: maps)
      return
    }
    let part = try layout.part(split)
    let maps = try LabelMapFolder(layout.root + "/" + part.labels)
    let suffix = layout.labelSuffix
    let listed = try part.list.map { list throws(DatasetError) in Set(try VOCFolder.names(list)) }
    // In the order of the pictures, as `SegmentationFolder` has them.
    let ending = layout.imageSuffix + "."
    let names = try Self.names(of: maps, suffix: suffix).filter { listed?.contains($0) ?? true }
      .sorted { ($0 + ending).utf8.lexicographicallyPrecedes(($1 + ending).utf8) }
    if let list = part.list, let missing = listed?.subtracting(names).min() {
      throw DatasetError(
        path: "\(maps.root)/\(missing)\(suffix).png",
        problem: "does not exist, but \(list) names it",
        remedy: "unpack it there or take its line out", exitCode: .missingFile)
    }
    (root, self.names, self.layout, self.split) = (maps.root, names, layout, split)
    paths = Self.paths(names, suffix: suffix, in: maps)
  }

  /// The images whose maps a folder holds.
  private static func names(
    of maps: LabelMapFolder, suffix: String
  ) throws(DatasetError) -> [String] {
    let names = maps.names.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }
    guard !names.isEmpty else {
      throw DatasetError(
        path: maps.root, problem: "holds no label map (*\(suffix).png)",
        remedy: "check that the archive was unpacked whole, and --label-suffix")
    }
    return names
  }

  private static func paths(
    _ names: [String], suffix: String = "", in maps: LabelMapFolder
  ) -> [String: String] {
    Dictionary(
      names.compactMap { name in maps.path(name + suffix).map { (name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// The layout that a folder has or is a part of, and the split whose maps are meant.
  private static func part(
    at path: String, labelSuffix: String?
  ) throws(DatasetError) -> (SegmentationLayout, SegmentationFolder.Split)? {
    if let own = try SegmentationLayout.find(path, labelSuffix: labelSuffix, mapsOnly: true),
      own.has(.validation)
    {
      return (own, .validation)
    }
    let wanted = RelativePath.plain(path)
    var root = path
    for _ in 0..<2 {
      root = RelativePath.above(root)
      // What lies around a folder that was named may be anything, several data sets for one.
      let found = try? SegmentationLayout.find(root, labelSuffix: labelSuffix, mapsOnly: true)
      guard let layout = found ?? nil else { continue }
      for split in [SegmentationFolder.Split.validation, .training] where layout.has(split) {
        let maps = RelativePath.plain(layout.root + "/" + (try layout.part(split)).labels)
        if maps == wanted || maps.hasPrefix(wanted + "/") { return (layout, split) }
      }
    }
    return nil
  }

  /// The path of an image's map, or nil.
  public func path(_ name: String) -> String? { paths[name] }

  /// The split that these maps are the labels of; nil where its pictures are not there.
  public var dataset: SegmentationFolder? {
    guard let layout, let folder = try? SegmentationFolder(layout, split: split),
      (0..<folder.count).map({ RelativePath.stem(folder.name($0), suffix: layout.imageSuffix) })
        == names
    else { return nil }
    return folder
  }

  /// A hash of every map's name and size in bytes.
  public func manifestHash() -> String {
    var hash = SHA256()
    for name in names {
      var info = stat()
      let size = path(name).map { stat($0, &info) == 0 ? Int(info.st_size) : -1 } ?? -1
      hash.update("\(name)\t\(size)\n")
    }
    return hash.finish()
  }

  /// The class table that belongs to the maps: named, the layout's, or beside the data set they are
  /// part of.
  ///
  /// - Throws: `DatasetError` when there is none, or it cannot be read.
  public func classes(
    _ choice: String = "", labels: LabelEncoding.Kind? = nil
  ) throws(DatasetError) -> SegmentationClasses {
    if let layout, layout.classes != nil {
      return try SegmentationClasses.of(layout, choice, labels: labels)
    }
    let whole = layout?.root ?? RelativePath.above(RelativePath.above(root))
    let table = try SegmentationClasses.find(choice, roots: [root, whole])
    return if let labels { try table.stored(as: labels) } else { table }
  }

  // MARK: Predictions

  /// The prediction of every image, and the names of files that are none's.
  ///
  /// Predictions have the images' names, with the suffix of the data set's pictures or of its maps or
  /// without, in its folders or all in one, where names stay different.
  ///
  /// - Throws: `DatasetError` naming an image without a prediction, or with two.
  public func predictions(
    in folder: LabelMapFolder
  ) throws(DatasetError) -> (paths: [String], extra: [String]) {
    let suffixes = [layout?.imageSuffix, layout?.labelSuffix ?? labelSuffix].compactMap { $0 }
      .filter { $0 != "" }
    let known = Set(names)
    var ofFile: [String: String] = [:]
    for name in names {
      // Files of one name in two folders tell nothing by it alone.
      let file = (name as NSString).lastPathComponent
      ofFile[file] = ofFile[file] == nil ? name : ""
    }
    var found: [String: String] = [:]
    var extra: [String] = []
    for stored in folder.names {
      let stems = [stored] + suffixes.map { RelativePath.stem(stored, suffix: $0) }
      let name =
        stems.first(where: known.contains)
        ?? stems.lazy.compactMap { ofFile[$0] }.first { !$0.isEmpty }
      guard let name else {
        extra.append(stored)
        continue
      }
      if let other = found.updateValue(stored, forKey: name) {
        throw DatasetError(
          path: folder.root, problem: "holds \(other).png and \(stored).png, both of \(name)",
          remedy: "keep one of them")
      }
    }
    let missing = names.filter { found[$0] == nil }
    if let first = missing.first {
      throw DatasetError(
        path: folder.root,
        problem: "lacks \(first).png" + (missing.count > 1 ? " and \(missing.count - 1) more" : "")
          + " of \(names.count) predictions",
        remedy: remedy(for: missing, extra: extra), exitCode: .missingFile)
    }
    return (names.compactMap { found[$0].flatMap(folder.path) }, extra)
  }

  /// What helps images without predictions, where files are left that are no image's.
  private func remedy(for missing: [String], extra: [String]) -> String {
    let files = extra.map { $0 + ".png" }
    // Some show how all are named.
    for name in missing.prefix(20) {
      if let near = NearFile.find(name, among: files) {
        return "rename \(near.file) to \(name).png if it is that, and the others likewise"
      }
      // The other way round: the map's name goes on after the prediction's.
      if layout == nil, labelSuffix == nil,
        let (file, near) = extra.lazy.compactMap({ file in
          NearFile.find(file, among: [name + ".png"]).map { (file, $0) }
        }).first, !near.suffix.isEmpty
      {
        return "give --label-suffix \(near.suffix) if \(file).png is its prediction"
      }
    }
    return "predict every image, or give only the label maps that are to be scored"
  }
}
