import FileSupport
import Foundation

/// Where the annotations and images of a detection data set lie, by the names that the tool which
/// wrote them gives its files.
///
///     COCO          annotations/instances_train2017.json   train2017/…
///     Roboflow      train/_annotations.coco.json           train/…
///     CVAT          annotations/instances_<subset>.json    images/<subset>/… or images/…
///     Label Studio  result.json                            images/…
///     PASCAL VOC    ImageSets/Main/train.txt, Annotations/….xml, JPEGImages/…
public struct DetectionLayout: Sendable, Equatable {
  /// Who names files so.
  public enum Source: String, Sendable, CaseIterable {
    case named = "named files"
    case coco = "COCO"
    case roboflow = "Roboflow"
    case cvat = "CVAT"
    case labelStudio = "Label Studio"
    case voc = "PASCAL VOC"
  }

  /// The annotations of one split and where its images are.
  public struct Part: Sendable, Equatable {
    /// A COCO file; of VOC the list of names, or the folder of the XML files where there is no list.
    public let annotations: String
    /// Folders that may hold the images, the likeliest first.
    public let images: [String]
    /// The folder of VOC's XML files; nil for a COCO file.
    public let markup: String?

    init(_ annotations: String, images: [String], markup: String? = nil) {
      self.annotations = annotations
      self.images = images
      self.markup = markup
    }
  }

  /// The data set's folder.
  public let root: String
  /// Whose layout it is.
  public let source: Source
  /// The two splits.
  public private(set) var training: Part?, validation: Part?
  /// Annotations that were not split.
  public private(set) var whole: Part?

  private init(_ root: String, _ source: Source) {
    self.root = root
    self.source = source
  }

  // MARK: Splits

  /// A split.
  ///
  /// - Parameter scoresOnly: Whether nothing is trained: then annotations that were not split are
  ///   those to be scored.
  /// - Throws: `DatasetError` where the folder has no such split.
  public func part(_ use: DetectionDataset.Use, scoresOnly: Bool = false) throws(DatasetError)
    -> Part
  {
    if let part = use == .training ? training : validation { return part }
    if let whole {
      if scoresOnly { return whole }
      throw DatasetError(
        path: whole.annotations, problem: "is not split into training and validation",
        remedy: "split it and name the files with --train-annotations and --val-annotations, or "
          + "score a finished detector with --eval-only")
    }
    let split = use == .training ? "training" : "validation"
    let known = (training ?? validation)?.annotations ?? root
    throw DatasetError(
      path: source == .coco
        ? Self.cocoFile(root, use == .training ? "train2017" : "val2017") : root,
      problem: source == .coco
        ? "does not exist" : "has no \(split) annotations beside \(known)",
      remedy: "put them there, or name the files with --train-annotations and --val-annotations",
      exitCode: .missingFile)
  }

  // MARK: Finding

  /// The layout that files with names of their own have.
  ///
  /// - Parameters:
  ///   - training: The COCO file of the training images.
  ///   - validation: That of the validation images.
  ///   - images: The folder of both, or of either; empty looks beside the annotations.
  public init(training: String?, validation: String?, images: [String]) {
    func part(_ file: String?, _ folder: String?) -> Part? {
      file.map { Part($0, images: folder.map { [$0] } ?? Self.around($0)) }
    }
    let folder = RelativePath.folder(of: validation ?? training ?? "")
    self.init(folder.isEmpty ? "." : folder, .named)
    self.training = part(training, images.first)
    self.validation = part(validation, images.last)
  }

  /// Folders near a file that may hold its images.
  private static func around(_ file: String) -> [String] {
    let path = RelativePath.folder(of: file)
    let folder = path.isEmpty ? "." : path
    return [folder, folder + "/images", folder + "/..", folder + "/../images"]
  }

  /// The layout of a folder; nil where it holds no annotations of objects.
  ///
  /// - Throws: `DatasetError` for several data sets in one folder, or a folder that cannot be read.
  public static func find(_ root: String) throws(DatasetError) -> DetectionLayout? {
    guard FileTree.isFolder(root) else { return nil }
    if let found = coco(root) { return found }
    if let found = try roboflow(root) { return found }
    if let found = try subsets(root) { return found }
    if let found = labelStudio(root) { return found }
    return try voc(root)
  }

  /// The layout of a folder that must have one.
  ///
  /// - Throws: As `find`, and `DatasetError` where there is none.
  public static func expect(_ root: String) throws(DatasetError) -> DetectionLayout {
    if let found = try find(root) { return found }
    let exists = FileTree.isFolder(root)
    throw DatasetError(
      path: exists ? cocoFile(root, "val2017") : root,
      problem: "does not exist" + (exists ? ", nor do annotations under other usual names" : ""),
      remedy:
        "give the folder of a data set in the layout of COCO, Roboflow, CVAT, Label Studio or "
        + "PASCAL VOC, or name COCO files with --train-annotations and --val-annotations",
      exitCode: .missingFile)
  }

  /// The part of a data set whose images are in a folder, by the layouts of that folder and those
  /// around it; nil where none is.
  public static func part(ofImages folder: String) -> Part? {
    let wanted = RelativePath.plain(folder)
    return parts(around: folder).first { $0.images.contains { RelativePath.plain($0) == wanted } }
  }

  /// The annotations that detections are scored against: a file, a data set's folder for its
  /// validation split, or of VOC a list of names or the folder of the XML files.
  ///
  /// - Throws: `DatasetError` for a folder that is no data set, or has nothing to be scored.
  public static func truth(_ path: String) throws(DatasetError) -> Part {
    let wanted = RelativePath.plain(path)
    guard FileTree.isFolder(path) else {
      let near = RelativePath.folder(of: path)
      // VOC's lists lie three levels below the data set.
      let around = [near, RelativePath.above(near)]
      let known = around.lazy.flatMap { parts(around: $0) }
        .first { RelativePath.plain($0.annotations) == wanted }
      if let known { return known }
      if path.hasSuffix(".txt"), let part = try vocList(path) { return part }
      return Part(path, images: [])
    }
    if let layout = try find(path) { return try layout.part(.testing, scoresOnly: true) }
    if let known = parts(around: path).first(where: { part in
      part.markup.map { RelativePath.plain($0) == wanted } == true
    }) {
      return known
    }
    if try FileTree.files(below: path).files.contains(where: { $0.hasSuffix(".xml") }) {
      return Part(path, images: [path], markup: path)
    }
    return try expect(path).part(.testing, scoresOnly: true)
  }

  /// Another list of VOC's than those of the two splits, such as `trainval.txt`.
  private static func vocList(_ path: String) throws(DatasetError) -> Part? {
    let base = RelativePath.above(RelativePath.above(RelativePath.folder(of: path)))
    guard let layout = try voc(base), let known = layout.validation ?? layout.training else {
      return nil
    }
    return Part(path, images: known.images, markup: known.markup)
  }

  private static func parts(around folder: String) -> [Part] {
    let folder = folder.isEmpty ? "." : folder
    let above = RelativePath.above(folder)
    return [above, folder, RelativePath.above(above)].flatMap { root -> [Part] in
      guard let layout = (try? find(root)) ?? nil else { return [] }
      return [layout.validation, layout.training, layout.whole].compactMap { $0 }
    }
  }

  private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private static func cocoFile(_ root: String, _ split: String) -> String {
    "\(root)/annotations/instances_\(split).json"
  }

  private static func coco(_ root: String) -> DetectionLayout? {
    var layout = DetectionLayout(root, .coco)
    func part(_ split: String) -> Part? {
      let file = cocoFile(root, split)
      return exists(file) ? Part(file, images: ["\(root)/\(split)"]) : nil
    }
    (layout.training, layout.validation) = (part("train2017"), part("val2017"))
    return layout.orNil
  }

  private static func both(_ root: String, _ first: String, _ second: String) -> DatasetError {
    DatasetError(
      path: root, problem: "has both \(first) and \(second) to validate on",
      remedy: "keep the one that is meant, or name it with --val-annotations")
  }

  private static func roboflow(_ root: String) throws(DatasetError) -> DetectionLayout? {
    let known = ["valid", "val"].filter { exists("\(root)/\($0)/_annotations.coco.json") }
    if known.count > 1 { throw both(root, known[0], known[1]) }
    var layout = DetectionLayout(root, .roboflow)
    func part(_ splits: [String]) -> Part? {
      splits.map { "\(root)/\($0)" }.first { exists($0 + "/_annotations.coco.json") }
        .map { Part($0 + "/_annotations.coco.json", images: [$0]) }
    }
    (layout.training, layout.validation) = (part(["train"]), part(["valid", "val", "test"]))
    return layout.orNil
  }

  /// Files of any subsets in a folder of annotations, as CVAT writes them.
  private static func subsets(_ root: String) throws(DatasetError) -> DetectionLayout? {
    let folder = root + "/annotations"
    guard FileTree.isFolder(folder) else { return nil }
    var layout = DetectionLayout(root, .cvat)
    var others: [Part] = []
    var found: String?
    for entry in try FileTree.entries(folder) where !entry.isFolder && !entry.isHidden {
      guard entry.name.hasSuffix(".json") else { continue }
      let stem = entry.name.dropLast(5)
      let isNamed = stem.hasPrefix("instances_")
      let subset = isNamed ? String(stem.dropFirst(10)) : String(stem)
      let kind = Split(subset)
      guard isNamed || kind != nil else { continue }
      let part = Part(
        "\(folder)/\(entry.name)",
        images: ["\(root)/images/\(subset)", "\(root)/\(subset)", "\(root)/images", root])
      switch kind {
      case .training: layout.training = layout.training ?? part
      case .validation:
        if let other = found { throw both(root, other, entry.name) }
        (layout.validation, found) = (part, entry.name)
      case .test: layout.validation = layout.validation ?? part
      case nil: others.append(part)
      }
    }
    if layout.orNil == nil, others.count == 1 { layout.whole = others[0] }
    return layout.orNil
  }

  /// What the name of a subset says it is for.
  private enum Split {
    case training, validation, test

    init?(_ name: String) {
      let name = name.lowercased()
      if name.hasPrefix("train") {
        self = .training
      } else if name.hasPrefix("val") {
        self = .validation
      } else if name.hasPrefix("test") {
        self = .test
      } else {
        return nil
      }
    }
  }

  private static func labelStudio(_ root: String) -> DetectionLayout? {
    let file = ["result.json", "result_coco.json"].map { "\(root)/\($0)" }.first(where: exists)
    guard let file else { return nil }
    var layout = DetectionLayout(root, .labelStudio)
    layout.whole = Part(file, images: [root + "/images", root])
    return layout
  }

  private static func voc(_ root: String) throws(DatasetError) -> DetectionLayout? {
    guard let base = try VOCFolder.find(root), FileTree.isFolder(base + "/Annotations") else {
      return nil
    }
    var layout = DetectionLayout(base, .voc)
    let markup = base + "/Annotations"
    func part(_ names: [String]) -> Part? {
      VOCFolder.list(names, of: "Main", in: base).map {
        Part($0, images: [base + "/JPEGImages"], markup: markup)
      }
    }
    layout.training = part(["train", "trainval"])
    layout.validation = part(["val", "test"])
    if layout.orNil == nil {
      layout.whole = Part(markup, images: [base + "/JPEGImages", base], markup: markup)
    }
    return layout
  }

  private var orNil: DetectionLayout? {
    training == nil && validation == nil && whole == nil ? nil : self
  }
}
