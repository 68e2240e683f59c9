import CFormats
import FileSupport
import Geometry

/// Why an image could not be read.
public struct ImageError: ReportableError, Equatable {
  /// The file, or the name the bytes were given.
  public let name: String
  /// What is wrong, and where.
  public let problem: String
  public let exitCode: ExitCode
  /// What the user can do, without a full stop.
  public private(set) var remedy = "replace or remove the file"

  /// - Parameter remedy: Nil is to replace or remove the file.
  init(name: String, problem: String, exitCode: ExitCode = .badData, remedy: String? = nil) {
    self.name = name
    self.problem = problem
    self.exitCode = exitCode
    if let remedy { self.remedy = remedy }
  }

  /// The same error where the program can leave such images out.
  public var skippable: ImageError {
    var error = self
    error.remedy += ", or run with --on-bad-image skip"
    return error
  }

  /// Whether the file is only cut off: both decoders use the same words for it.
  public var isTruncation: Bool { problem.contains("the file ends too early") }

  /// Whether it is a sound picture of a kind that is not read.
  var isOfOtherKind: Bool { remedy.hasPrefix("convert") }

  public var description: String {
    "\(name): \(problem); \(remedy)."
  }
}

/// What an image file says about itself before its pixels are decoded.
public struct ImageHeader: Sendable, Equatable {
  /// The two formats that are read.
  public enum Format: String, Sendable {
    case jpeg = "JPEG"
    case png = "PNG"
  }
  /// Told by the bytes, not by the name.
  public let format: Format
  /// Pixels, before EXIF orientation.
  public let width, height: Int
  /// Channels as stored: 1 gray or palette, 2 gray and alpha, 3, 4.
  public let channelCount: Int
  /// Bits a sample as stored.
  public let bitDepth: Int
  /// Whether a JPEG stores CMYK or YCCK.
  public let isCMYK: Bool
  /// Whether a PNG stores palette indices.
  public let isPalette: Bool
  /// Whether a PNG has an alpha channel or a transparent colour.
  public let hasAlpha: Bool
  /// Whether a JPEG is progressive or a PNG interlaced.
  public let isProgressive: Bool
  /// EXIF orientation, 1...8.
  public let orientation: Int

  /// How many times as long as the other a picture's side may be: a more slender one, brought to a
  /// network's input, would have gigabytes or no pixel at all.
  static let longestSide = 1000

  /// Makes sure that networks can look at it.
  ///
  /// - Throws: `ImageError` for a picture that is too slender.
  func expectPicture(_ name: String) throws(ImageError) {
    guard max(width, height) > Self.longestSide * min(width, height) else { return }
    throw ImageError(
      name: name,
      problem: "is \(width)x\(height) pixels, one side more than \(Self.longestSide) times the "
        + "other, which cannot be brought to a network's size")
  }
}

/// Reads and writes JPEG and PNG files.
///
/// Pixels equal those of the usual Python loader's `convert("RGB")`: libjpeg-turbo's accurate
/// transform and smooth chroma, CMYK inverted as Adobe stores it, alpha dropped, no gamma.
/// Differs from the source: 16-bit gray keeps its high byte, as 16-bit colour does; that loader
/// clips it to white. Pixels that a JPEG decoder has to invent after damage are an error unless
/// asked for.
public enum ImageFile {
  /// The most pixels an image may have: a larger header is a mistake or an attack.
  public static let pixelLimit = 178_956_970

  /// What to do with a JPEG whose compressed data are damaged inside.
  public enum Damage: Sendable {
    /// Throw, and say in which row.
    case refused
    /// Keep what the decoder makes of it, as the usual Python loader does; a file that ends too
    /// early is an error still.
    case accepted
  }

  /// Reads a file's header.
  ///
  /// - Throws: `ImageError` when the file is missing, of another type or damaged.
  public static func inspect(
    path: String, pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> ImageHeader {
    try inspect(bytes: try load(path), name: path, pixelLimit: pixelLimit)
  }

  /// Reads the header of a file in memory.
  ///
  /// - Throws: `ImageError` when the bytes are of another type or damaged.
  public static func inspect(
    bytes: [UInt8], name: String, pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> ImageHeader {
    let format: ImageHeader.Format
    switch bytes.withUnsafeBytes({ ImageHeader.Format.detect($0) }) {
    case .supported(let found): format = found
    case .other(let type):
      throw ImageError(
        name: name, problem: "\(type), not JPEG or PNG",
        remedy: type.hasSuffix("image") ? "convert it to JPEG or PNG" : nil)
    case .otherProcess(let type):
      throw ImageError(
        name: name, problem: "\(type); only 8-bit baseline and progressive JPEG can be read")
    }
    var header = cf_image_header()
    try call(name, format) {
      format == .png
        ? cf_png_inspect(bytes, bytes.count, &header, $0, $1)
        : cf_jpeg_inspect(bytes, bytes.count, &header, $0, $1)
    }
    let (pixels, overflows) = Int(header.width).multipliedReportingOverflow(by: Int(header.height))
    guard header.width > 0, header.height > 0, !overflows, pixels <= pixelLimit else {
      throw ImageError(
        name: name,
        problem: "says it is \(header.width)x\(header.height) pixels, more than the limit of "
          + "\(pixelLimit)")
    }
    return ImageHeader(
      format: format, width: Int(header.width), height: Int(header.height),
      channelCount: Int(header.channels), bitDepth: Int(header.bits), isCMYK: header.is_cmyk != 0,
      isPalette: header.is_palette != 0, hasAlpha: header.has_alpha != 0,
      isProgressive: header.is_progressive != 0, orientation: Int(header.orientation))
  }

  /// Decodes a file to RGB.
  ///
  /// - Parameters:
  ///   - appliesOrientation: Turns the image as its EXIF data say. ImageNet loaders do not, so the
  ///     default is off.
  ///   - damage: What to do with damaged JPEG data.
  ///   - pixelLimit: The most pixels that are decoded.
  /// - Throws: `ImageError` when the file is missing, of another type, cut off or damaged.
  public static func decode(
    path: String, appliesOrientation: Bool = false, damage: Damage = .refused,
    pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> RGBImage {
    try decode(
      bytes: try load(path), name: path, appliesOrientation: appliesOrientation, damage: damage,
      pixelLimit: pixelLimit)
  }

  /// Decodes a file in memory to RGB.
  ///
  /// - Throws: `ImageError` when the bytes are of another type, cut off or damaged.
  public static func decode(
    bytes: [UInt8], name: String, appliesOrientation: Bool = false, damage: Damage = .refused,
    pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> RGBImage {
    let header = try inspect(bytes: bytes, name: name, pixelLimit: pixelLimit)
    try header.expectPicture(name)
    let (width, height) = (UInt32(header.width), UInt32(header.height))
    var orientation = UInt32(header.orientation)
    let level = Int32(damage == .refused ? CF_DAMAGE_REFUSED : CF_DAMAGE_ACCEPTED)
    let pixels = try fill(header.width * header.height * 3, name, header.format) {
      header.format == .png
        ? cf_png_decode_rgb(bytes, bytes.count, width, height, $0, &orientation, $1, $2)
        : cf_jpeg_decode_rgb(bytes, bytes.count, width, height, level, $0, $1, $2)
    }
    let image = RGBImage(width: header.width, height: header.height, pixels: pixels)
    return appliesOrientation ? image.oriented(Int(orientation)) : image
  }

  /// Reads the stored values of a PNG of 8-bit gray or palette indices: class indices, unchanged.
  ///
  /// - Throws: `ImageError` when the file is no such PNG, cut off or damaged.
  public static func decodeLabels(
    path: String, pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> LabelMap {
    try decodeLabels(bytes: try load(path), name: path, pixelLimit: pixelLimit)
  }

  /// Reads the stored values of a PNG in memory.
  ///
  /// - Throws: `ImageError` when the bytes are no such PNG, cut off or damaged.
  public static func decodeLabels(
    bytes: [UInt8], name: String, pixelLimit: Int = pixelLimit
  ) throws(ImageError) -> LabelMap {
    let header = try inspect(bytes: bytes, name: name, pixelLimit: pixelLimit)
    // Gray of fewer bits is refused: readers disagree whether it is to be stretched to 0...255.
    let isLabels = header.isPalette || (header.channelCount == 1 && header.bitDepth == 8)
    guard header.format == .png, isLabels else {
      throw ImageError(
        name: name,
        problem: "is a \(header.bitDepth)-bit \(header.format.rawValue) of \(header.channelCount) "
          + "channels where labels need an 8-bit gray or palette PNG")
    }
    let labels = try fill(header.width * header.height, name, header.format) {
      cf_png_decode_labels(
        bytes, bytes.count, UInt32(header.width), UInt32(header.height), $0, $1, $2)
    }
    return LabelMap(width: header.width, height: header.height, labels: labels)
  }

  /// Encodes an image as PNG.
  ///
  /// - Throws: `ImageError` when the encoder fails.
  public static func png(_ image: RGBImage) throws(ImageError) -> [UInt8] {
    try encode("image") {
      cf_png_encode(image.pixels, UInt32(image.width), UInt32(image.height), 3, $0, $1, $2, $3)
    }
  }

  /// Encodes labels as an 8-bit gray PNG.
  ///
  /// - Throws: `ImageError` when the encoder fails.
  public static func png(_ map: LabelMap) throws(ImageError) -> [UInt8] {
    try encode("labels") {
      cf_png_encode(map.labels, UInt32(map.width), UInt32(map.height), 1, $0, $1, $2, $3)
    }
  }

  /// Encodes an image as JPEG.
  ///
  /// - Parameters:
  ///   - quality: 1...100.
  ///   - subsamplesColor: 4:2:0 rather than 4:4:4.
  /// - Throws: `ImageError` when the encoder fails.
  /// - Precondition: `quality` is in 1...100.
  public static func jpeg(
    _ image: RGBImage, quality: Int = 90, subsamplesColor: Bool = true
  ) throws(ImageError) -> [UInt8] {
    precondition((1...100).contains(quality), "JPEG quality must be in 1...100, got \(quality)")
    return try encode("image") {
      cf_jpeg_encode(
        image.pixels, UInt32(image.width), UInt32(image.height), Int32(quality),
        Int32(subsamplesColor ? CF_CHROMA_420 : CF_CHROMA_444), $0, $1, $2, $3)
    }
  }

  private static func load(_ path: String) throws(ImageError) -> [UInt8] {
    do {
      return try FileBytes.read(path)
    } catch {
      throw ImageError(name: path, problem: error.problem, exitCode: error.exitCode)
    }
  }

  /// Runs a C function, whose message becomes the error.
  private static func call(
    _ name: String, _ format: ImageHeader.Format?,
    _ body: (UnsafeMutablePointer<CChar>?, Int) -> Int32
  ) throws(ImageError) {
    let reason: String? = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 320) { room in
      room.initialize(repeating: 0)
      guard body(room.baseAddress, room.count) != 0 else { return nil }
      return String(decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    guard let reason else { return }
    let kind = format.map { "is a damaged \($0.rawValue)" } ?? "could not be encoded"
    throw ImageError(name: name, problem: "\(kind) (\(reason))")
  }

  /// Has a C function write straight into the array that the image will keep.
  private static func fill(
    _ size: Int, _ name: String, _ format: ImageHeader.Format,
    _ body: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<CChar>?, Int) -> Int32
  ) throws(ImageError) -> [UInt8] {
    var failure: ImageError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      do throws(ImageError) {
        try call(name, format) { body(buffer.baseAddress, $0, $1) }
        filled = size
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  private static func encode(
    _ name: String,
    _ body: (
      UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
      UnsafeMutablePointer<CChar>?, Int
    ) -> Int32
  ) throws(ImageError) -> [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    try call(name, nil) { body(&bytes, &count, $0, $1) }
    defer { cf_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}
