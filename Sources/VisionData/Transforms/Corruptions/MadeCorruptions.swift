import FileSupport

/// ImageNet-C made from images themselves: which corruptions in which strengths, of what, stored how.
///
/// As the published images were made: the crop of 224 pixels that tests see is corrupted and kept as JPEG
/// of quality 85, with colour at half resolution.
public struct MadeCorruptions: Sendable {
  /// One corruption in one strength.
  public struct Part: Sendable, Equatable {
    /// The corruption.
    public let corruption: Corruption
    /// 1...5.
    public let severity: Int
  }

  /// What is corrupted of an image.
  public static let crop = EvaluationTransform(resizeSize: 256, cropSize: 224)
  /// Of the JPEG files.
  public static let quality = 85

  /// The corruptions, in the order of their published list.
  public let corruptions: [Corruption]
  /// Their strengths, weakest first.
  public let severities: [Int]
  /// What `frost` lays over images; nil where it is not among the corruptions.
  public let frost: FrostPictures?

  /// Chooses corruptions and strengths.
  ///
  /// - Precondition: there are some of both, none twice, strengths are in 1...5, and pictures of frost are
  ///   given where it is chosen.
  public init(
    _ corruptions: [Corruption] = Corruption.benchmark,
    severities: [Int] = Array(Corruption.severities), frost: FrostPictures?
  ) {
    precondition(
      !corruptions.isEmpty && !severities.isEmpty && Set(severities).count == severities.count
        && severities.allSatisfy(Corruption.severities.contains),
      "corruptions \(corruptions), strengths \(severities)")
    precondition(frost != nil || !corruptions.contains(.frost), "frost needs pictures of it")
    self.corruptions = Corruption.allCases.filter(corruptions.contains)
    self.severities = severities.sorted()
    self.frost = corruptions.contains(.frost) ? frost : nil
  }

  /// Every corruption in every strength.
  public var parts: [Part] {
    corruptions.flatMap { corruption in
      severities.map { Part(corruption: corruption, severity: $0) }
    }
  }

  /// Everything that decides the pixels, but for the images; the first entry changes with the code.
  public var settings: [String: String] {
    var settings = [
      "corrupted images": "made 1, " + Self.crop.summary + ", JPEG quality \(Self.quality)",
      "corruptions": corruptions.map(\.rawValue).joined(separator: ", "),
      "severities": severities.map(String.init).joined(separator: ", "),
    ]
    settings["frost pictures"] = frost?.digest
    return settings
  }

  /// What sets the images apart from the published ones.
  public var notes: [String] {
    var notes = [
      "corrupted images made from the images themselves by the published rules, with draws of our own"
    ]
    if !corruptions.contains(.frost), Corruption.benchmark.filter({ $0 != .frost }) == corruptions {
      notes.append("frost is left out, which needs pictures that are not ours (--frost-pictures)")
    }
    return notes
  }

  /// The part of an image that is corrupted.
  public func cropped(_ image: RGBImage) -> RGBImage {
    image.resized(
      shorterSide: Self.crop.resizeSize, filter: Self.crop.filter,
      centerCropped: Self.crop.cropSize)
  }

  /// The file of a corrupted crop.
  ///
  /// - Parameter image: The image's position in its set, which decides the draws.
  /// - Throws: `ImageError` when the JPEG encoder fails.
  public func file(
    _ crop: RGBImage, _ part: Part, image: Int
  ) throws(ImageError) -> [UInt8] {
    var stream = part.corruption.stream(severity: part.severity, image: image)
    return try ImageFile.jpeg(
      part.corruption(crop, severity: part.severity, frost: frost, stream: &stream),
      quality: Self.quality)
  }

  /// What the file of a corrupted crop shows.
  ///
  /// - Throws: As `file`.
  public func image(
    _ crop: RGBImage, _ part: Part, image: Int
  ) throws(ImageError) -> RGBImage {
    try ImageFile.decode(bytes: file(crop, part, image: image), name: "corrupted image")
  }
}

/// The file that says what a folder of corrupted images was made of, and whether it is whole.
public struct CorruptionRecord: Equatable, Sendable {
  /// Its name in the folder.
  public static let file = "corruptions.json"
  private static let schema = 1

  /// What decides the pixels, the images among it.
  public let settings: [String: String]
  /// The strengths that every corruption has.
  public let severities: [Int]
  /// What sets the images apart from the published ones.
  public let notes: [String]
  /// Images that could not be decoded, in no part.
  public var leftOut: [String] = []
  /// Whether every file is there.
  public var isComplete = false

  /// What is made of some images.
  ///
  /// - Parameters:
  ///   - images: The hash of a set's contents.
  ///   - order: Which of them.
  public init(_ made: MadeCorruptions, images: String, of order: [Int]) {
    settings = made.settings.merging(["images": SHA256.digest("\(images)\n\(order)")]) { $1 }
    severities = made.severities
    notes = made.notes
  }

  /// The record of a folder; nil where there is none.
  ///
  /// - Throws: `DatasetError` for a file that is no such record.
  public init?(in folder: String) throws(DatasetError) {
    let path = folder + "/" + Self.file
    guard let bytes = try? FileBytes.read(path) else { return nil }
    guard let json = JSONValue(parsing: bytes), json["schema"]?.intValue == Self.schema,
      case .object(let settings)? = json["settings"],
      case .bool(let isComplete)? = json["complete"],
      let severities = json["severities"]?.arrayValue?.compactMap(\.intValue),
      !severities.isEmpty, Set(severities).count == severities.count,
      severities.allSatisfy(Corruption.severities.contains)
    else {
      throw DatasetError(
        path: path, problem: "is no record of corrupted images that this version knows",
        remedy: "make the folder again with bench-data corrupt")
    }
    self.settings = settings.compactMapValues(\.stringValue)
    self.severities = severities
    notes = json["notes"]?.arrayValue?.compactMap(\.stringValue) ?? []
    leftOut = json["left_out"]?.arrayValue?.compactMap(\.stringValue) ?? []
    self.isComplete = isComplete
  }

  /// What tells the images from others.
  public var manifest: String {
    SHA256.digest(settings.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)\n" }.joined())
  }

  /// Writes the record into its folder.
  ///
  /// - Throws: `FileError` when the disk is full.
  public func write(to folder: String) throws(FileError) {
    var json: [String: JSONValue] = [
      "schema": .integer(Self.schema), "complete": .bool(isComplete),
      "severities": .array(severities.map { .integer($0) }),
      "settings": .object(settings.mapValues { .string($0) }),
      "notes": .array(notes.map { .string($0) }),
    ]
    if !leftOut.isEmpty { json["left_out"] = .array(leftOut.map { .string($0) }) }
    try AtomicFile.write(
      text: JSONValue.object(json).text(isPretty: true) + "\n", to: folder + "/" + Self.file)
  }
}
