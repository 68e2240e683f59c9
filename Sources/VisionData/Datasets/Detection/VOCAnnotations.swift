import CocoFormat
import FileSupport
import Foundation

/// Reads PASCAL VOC's XML files as annotations of COCO's kind.
///
/// Classes are the names of all files of the folder in byte order, so that both splits have the
/// same. VOC counts pixels from 1 and names the last one: a box from 1 to 10 is 10 pixels wide and
/// starts at 0. Difficult objects become crowds, which are neither learnt nor counted.
///
/// Source: Everingham et al., The PASCAL VOC Challenge, development kit, `VOCreadxml` and
/// `VOCevaldet`.
struct VOCAnnotations {
  private let part: DetectionLayout.Part
  private let markup: String

  /// - Parameter markup: The folder of the XML files.
  init(_ part: DetectionLayout.Part, markup: String) {
    self.part = part
    self.markup = markup
  }

  private struct Object {
    let name: String
    let box: CocoBox
    let isDifficult: Bool
  }

  private struct File {
    let name: String
    let fileName: String?
    let width, height: Int
    let objects: [Object]
  }

  /// The annotations of the split, and the files that they were made of, inside of the folder.
  ///
  /// - Throws: `DatasetError` for a file that is no such XML, and for a listed one that is missing.
  func read() throws(DatasetError) -> (annotations: CocoAnnotations, files: [String]) {
    var files: [String: File] = [:]
    var order: [String] = []
    for file in try FileTree.files(below: markup).files where file.hasSuffix(".xml") {
      let name = String(file.dropLast(4))
      order.append(name)
      files[name] = try read(name)
    }
    let classes = Set(files.values.flatMap { $0.objects.map(\.name) }).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    guard !classes.isEmpty else {
      throw DatasetError(
        path: markup, problem: "holds no XML file with an object",
        remedy: "check that the archive was unpacked whole")
    }
    let categories = classes.enumerated().map { CocoCategory(id: $0 + 1, name: $1) }
    let ids = Dictionary(uniqueKeysWithValues: categories.map { ($0.name, $0.id) })
    let names = part.annotations == markup ? order : try VOCFolder.names(part.annotations)
    var images: [CocoImage] = []
    var objects: [CocoBoxedObject] = []
    for (place, name) in names.enumerated() {
      guard let file = files[name] else {
        throw DatasetError(
          path: "\(markup)/\(name).xml",
          problem: "does not exist, but \(part.annotations) names it",
          remedy: "unpack it there or take its line out", exitCode: .missingFile)
      }
      images.append(image(file, id: place + 1))
      objects += file.objects.map {
        CocoBoxedObject(
          imageID: place + 1, categoryID: ids[$0.name] ?? 0, box: $0.box, isCrowd: $0.isDifficult)
      }
    }
    let annotations = CocoAnnotations(
      path: part.annotations, images: images, categories: categories, objects: objects)
    return (annotations, names.map { $0 + ".xml" })
  }

  /// The file of an image: as the XML names it, else the one of the same name as the XML.
  private func image(_ file: File, id: Int) -> CocoImage {
    let named = file.fileName.map { ($0 as NSString).lastPathComponent }
    let folder = RelativePath.folder(of: file.name)
    let choices =
      (named.map { [folder.isEmpty ? $0 : folder + "/" + $0] } ?? [])
      + ["jpg", "jpeg", "png", "JPEG", "JPG"].map { file.name + "." + $0 }
    let found = choices.first { choice in
      part.images.contains { access("\($0)/\(choice)", F_OK) == 0 }
    }
    var (width, height) = (file.width, file.height)
    if width == 0 || height == 0, let found {
      // Some tools write no size, or 0.
      let header = part.images.lazy.compactMap { try? ImageFile.inspect(path: "\($0)/\(found)") }
        .first
      (width, height) = (header?.width ?? 0, header?.height ?? 0)
    }
    return CocoImage(
      id: id, fileName: found ?? choices[0], width: width, height: height)
  }

  // MARK: One file

  private func read(_ name: String) throws(DatasetError) -> File {
    let path = "\(markup)/\(name).xml"
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(path)
    } catch {
      throw DatasetError(
        path: path, problem: error.problem, remedy: error.remedy, exitCode: error.exitCode)
    }
    let root = try MarkupElement(bytes, path: path)
    guard root.name == "annotation" else {
      throw DatasetError(
        path: path, problem: "begins with <\(root.name)> where VOC has <annotation>",
        remedy: "give the folder of VOC's annotations")
    }
    func size(_ side: String) throws(DatasetError) -> Int {
      guard let text = root["size"]?[side]?.text, !text.isEmpty else { return 0 }
      guard let number = Int(text), (0...CocoImage.longestSide).contains(number) else {
        throw fault(path, "has '\(text.prefix(40))' as the image's \(side)")
      }
      return number
    }
    var objects: [Object] = []
    for element in root.children where element.name == "object" {
      objects.append(try object(element, number: objects.count + 1, path: path))
    }
    return File(
      name: name, fileName: (root["filename"]?.text).flatMap { $0.isEmpty ? nil : $0 },
      width: try size("width"), height: try size("height"), objects: objects)
  }

  private func object(
    _ element: MarkupElement, number: Int, path: String
  ) throws(DatasetError) -> Object {
    guard let name = element["name"]?.text, !name.isEmpty else {
      throw fault(path, "has no name of object \(number)")
    }
    func side(_ side: String) throws(DatasetError) -> Double {
      let text = element["bndbox"]?[side]?.text ?? ""
      // Beyond any image, and near where single pixels are lost.
      guard let number = Double(text), abs(number) <= Double(CocoImage.longestSide) else {
        throw fault(path, "has '\(text.prefix(40))' as \(side) of object \(number), a \(name)")
      }
      return number
    }
    let (left, top) = (max(0, try side("xmin") - 1), max(0, try side("ymin") - 1))
    let box = CocoBox(
      x: left, y: top, width: try side("xmax") - left, height: try side("ymax") - top)
    let difficult = element["difficult"]?.text.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    switch difficult.lowercased() {
    case "", "0", "false": return Object(name: name, box: box, isDifficult: false)
    case "1", "true": return Object(name: name, box: box, isDifficult: true)
    default:
      throw fault(path, "has '\(difficult.prefix(40))' as difficult of object \(number), a \(name)")
    }
  }

  private func fault(_ path: String, _ problem: String) -> DatasetError {
    DatasetError(path: path, problem: problem, remedy: "correct the file")
  }
}
