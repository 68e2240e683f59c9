import FileSupport

/// Where the images of a run lie, so that a report can show them: `images.json`.
///
/// The images themselves stay where they are; a report made elsewhere names them only.
public struct RunImages: Sendable, Equatable {
  /// The folder of the images, as the run was told.
  public let root: String
  /// The images' positions in the data set, and their paths below the folder.
  public let indices: [Int], paths: [String]

  /// The file's name in the folder of a run.
  static let name = "images.json"

  /// Where a run keeps the class indices that it predicted for an image's pixels, as `evaluate` reads
  /// them.
  ///
  /// - Parameter image: The image's name in its split, without an extension.
  public static func predictedMap(of image: String, in folder: String) -> String {
    "\(folder)/predictions/\(image).png"
  }

  /// The file of a run with one line an image: what its network found there.
  public static let detections = "detections.jsonl"

  /// How many detections of an image are drawn at most.
  public static let drawnDetections = 20

  /// Where a run of predictions made elsewhere keeps the best detections of each image, in COCO's form.
  public static func bestDetections(in folder: String) -> String { folder + "/best.json" }

  /// Names images.
  ///
  /// - Precondition: there is one path an image.
  public init(root: String, indices: [Int], paths: [String]) {
    precondition(indices.count == paths.count, "\(indices.count) images, \(paths.count) paths")
    self.root = root
    self.indices = indices
    self.paths = paths
  }

  /// Writes the list into the folder of a run.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(to folder: String) throws(FileError) {
    let json = JSONValue.object([
      "root": .string(root), "indices": .array(indices.map { .integer($0) }),
      "paths": .array(paths.map { .string($0) }),
    ])
    try AtomicFile.write(text: json.text() + "\n", to: folder + "/" + Self.name)
  }

  /// Reads the list of a run; nil when it has none that is whole.
  public init?(folder: String) {
    guard let listed = (try? Self.read(folder: folder)) ?? nil else { return nil }
    self = listed
  }

  /// Reads the list of a run; nil when it has none.
  ///
  /// - Throws: `FileError` for one that is damaged.
  static func read(folder: String) throws(FileError) -> RunImages? {
    guard let json = try RunDocument.read(name, in: folder) else { return nil }
    guard let root = json["root"]?.stringValue,
      let indices = json["indices"]?.arrayValue?.map(\.intValue),
      let paths = json["paths"]?.arrayValue?.map(\.stringValue),
      indices.count == paths.count, !indices.contains(nil), !paths.contains(nil)
    else { throw RunDocument.fault(name, in: folder, "is no list of images and their paths") }
    return RunImages(root: root, indices: indices.compactMap { $0 }, paths: paths.compactMap { $0 })
  }

  /// The path of an image below the folder; nil for one that is not of this run, or whose path leads
  /// out of the folder.
  public func path(of index: Int) -> String? {
    indices.firstIndex(of: index).map { paths[$0] }.flatMap {
      RelativePath.staysInside($0) ? $0 : nil
    }
  }
}
