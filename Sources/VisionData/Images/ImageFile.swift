import CFormats
@_exported import FileSupport

/// Why an image could not be read.
public struct ImageError: ReportableError, Equatable {
  /// The file, or the name the bytes were given.
  public let name: String
  /// What is wrong, and where.
  public let problem: String
  public let exitCode: ExitCode

  init(name: String, problem: String, exitCode: ExitCode = .badData) {
    self.name = name
    self.problem = problem
    self.exitCode = exitCode
  }

  public var description: String {
    "\(name): \(problem); replace or remove the file, or run with --on-bad-image skip."
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
  /// Whether a JPEG is progressive or a PNG interlaced.
  public let isProgressive: Bool
  /// EXIF orientation, 1...8.
  public let orientation: Int
}

/// Reads and writes JPEG and PNG files.
///
/// Pixels equal those of the usual Python loader's `convert("RGB")`: libjpeg-turbo's accurate
/// transform, CMYK inverted as Adobe stores it, alpha dropped.
/// Differs from the source: 16-bit gray keeps its high byte; that loader clips it to white. A
/// damaged file is always an error; that loader fills some of them with gray.
public enum ImageFile {
  /// The most pixels an image may have: a larger header is a mistake or an attack.
  public static let pixelLimit = 178_956_970

  /// Reads a file's header.
  ///
  /// - Throws: `ImageError` when the file is missing, of another type or damaged.
  public static func inspect(path: String) throws(ImageError) -> ImageHeader {
    try inspect(bytes: try load(path), name: path)
  }

  /// Reads the header of a file in memory.
  ///
  /// - Throws: `ImageError` when the bytes are of another type or damaged.
  public static func inspect(bytes: [UInt8], name: String) throws(ImageError) -> ImageHeader {
    var header = cf_image_header()
    try call(name) { cf_image_inspect(bytes, bytes.count, &header, $0, $1) }
    let (pixels, overflows) = Int(header.width).multipliedReportingOverflow(by: Int(header.height))
    guard header.width > 0, header.height > 0, !overflows, pixels <= pixelLimit else {
      throw ImageError(
        name: name,
        problem: "says it is \(header.width)x\(header.height) pixels, more than the limit of "
          + "\(pixelLimit)")
    }
    return ImageHeader(
      format: Int(header.format) == CF_JPEG ? .jpeg : .png, width: Int(header.width),
      height: Int(header.height), channelCount: Int(header.channels),
      bitDepth: Int(header.bits), isCMYK: header.is_cmyk != 0, isPalette: header.is_palette != 0,
      isProgressive: header.is_progressive != 0, orientation: Int(header.orientation))
  }

  /// Decodes a file to RGB.
  ///
  /// - Parameter appliesOrientation: Turns the image as its EXIF data say. ImageNet loaders do
  ///   not, so the default is off.
  /// - Throws: `ImageError` when the file is missing, of another type, cut off or damaged.
  public static func decode(
    path: String, appliesOrientation: Bool = false
  ) throws(ImageError) -> RGBImage {
    try decode(bytes: try load(path), name: path, appliesOrientation: appliesOrientation)
  }

  /// Decodes a file in memory to RGB.
  ///
  /// - Throws: `ImageError` when the bytes are of another type, cut off or damaged.
  public static func decode(
    bytes: [UInt8], name: String, appliesOrientation: Bool = false
  ) throws(ImageError) -> RGBImage {
    let header = try inspect(bytes: bytes, name: name)
    let size = header.width * header.height * 3
    let pixels = try fill(size, name) {
      cf_image_decode_rgb(bytes, bytes.count, $0, size, $1, $2)
    }
    let image = RGBImage(width: header.width, height: header.height, pixels: pixels)
    return appliesOrientation ? image.oriented(header.orientation) : image
  }

  /// Reads the stored values of a gray or palette PNG: class indices, unchanged.
  ///
  /// - Throws: `ImageError` when the file is no such PNG, cut off or damaged.
  public static func decodeLabels(path: String) throws(ImageError) -> LabelMap {
    let bytes = try load(path)
    let header = try inspect(bytes: bytes, name: path)
    guard header.format == .png, header.channelCount == 1, header.bitDepth <= 8 else {
      throw ImageError(
        name: path,
        problem: "is a \(header.bitDepth)-bit \(header.format.rawValue) of \(header.channelCount) "
          + "channels where labels need an 8-bit gray or palette PNG")
    }
    let size = header.width * header.height
    let labels = try fill(size, path) {
      cf_png_decode_labels(bytes, bytes.count, $0, size, $1, $2)
    }
    return LabelMap(width: header.width, height: header.height, labels: labels)
  }

  /// Encodes an image as PNG.
  ///
  /// - Throws: `ImageError` when the encoder fails.
  public static func png(_ image: RGBImage) throws(ImageError) -> [UInt8] {
    try encode("image") {
      cf_png_encode(image.pixels, Int32(image.width), Int32(image.height), 3, $0, $1, $2, $3)
    }
  }

  /// Encodes labels as an 8-bit gray PNG.
  ///
  /// - Throws: `ImageError` when the encoder fails.
  public static func png(_ map: LabelMap) throws(ImageError) -> [UInt8] {
    try encode("labels") {
      cf_png_encode(map.labels, Int32(map.width), Int32(map.height), 1, $0, $1, $2, $3)
    }
  }

  /// Encodes an image as JPEG.
  ///
  /// - Parameters:
  ///   - quality: 1...100.
  ///   - subsamplesColor: 4:2:0 rather than 4:4:4.
  /// - Throws: `ImageError` when the encoder fails.
  public static func jpeg(
    _ image: RGBImage, quality: Int = 90, subsamplesColor: Bool = true
  ) throws(ImageError) -> [UInt8] {
    try encode("image") {
      cf_jpeg_encode(
        image.pixels, Int32(image.width), Int32(image.height), Int32(quality),
        subsamplesColor ? 1 : 0, $0, $1, $2, $3)
    }
  }

  private static func load(_ path: String) throws(ImageError) -> [UInt8] {
    do {
      return try FileBytes.read(path)
    } catch {
      throw ImageError(name: path, problem: error.problem, exitCode: error.exitCode)
    }
  }

  private static func call(
    _ name: String, _ body: (UnsafeMutablePointer<CChar>, Int) -> Int32
  ) throws(ImageError) {
    var message = [CChar](repeating: 0, count: 256)
    let status = message.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { body($0, buffer.count) } ?? 1
    }
    guard status == 0 else { throw ImageError(name: name, problem: text(message)) }
  }

  private static func text(_ message: [CChar]) -> String {
    String(
      decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func fill(
    _ size: Int, _ name: String,
    _ body: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<CChar>, Int) -> Int32
  ) throws(ImageError) -> [UInt8] {
    var message = [CChar](repeating: 0, count: 256)
    var status: Int32 = 1
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      status = body(base, &message, 256)
      filled = status == 0 ? size : 0
    }
    guard status == 0 else { throw ImageError(name: name, problem: text(message)) }
    return bytes
  }

  private static func encode(
    _ name: String,
    _ body: (
      UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>, UnsafeMutablePointer<Int>,
      UnsafeMutablePointer<CChar>, Int
    ) -> Int32
  ) throws(ImageError) -> [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    try call(name) { body(&bytes, &count, $0, $1) }
    defer { cf_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
  }
}

extension RGBImage {
  /// The image turned and mirrored as an EXIF orientation of 1...8 says.
  public func oriented(_ orientation: Int) -> RGBImage {
    guard (2...8).contains(orientation) else { return self }
    let swaps = orientation >= 5
    var result = RGBImage(width: swaps ? height : width, height: swaps ? width : height)
    for y in 0..<result.height {
      for x in 0..<result.width {
        let (u, v) = swaps ? (y, x) : (x, y)
        let mirrorsX = [2, 3, 7, 8].contains(orientation)
        let mirrorsY = [3, 4, 6, 7].contains(orientation)
        let source = ((mirrorsY ? height - 1 - v : v) * width + (mirrorsX ? width - 1 - u : u)) * 3
        let target = (y * result.width + x) * 3
        for channel in 0..<3 { result.pixels[target + channel] = pixels[source + channel] }
      }
    }
    return result
  }
}
