/// An 8-bit image of three interleaved channels (red, green, blue), rows from the top.
public struct RGBImage: Sendable, Equatable {
  /// Columns, in pixels.
  public let width: Int
  /// Rows, in pixels.
  public let height: Int
  /// `width · height · 3` bytes; the red value of column x, row y is at `(y · width + x) · 3`.
  public var pixels: [UInt8]

  /// Wraps pixels.
  ///
  /// - Precondition: `pixels.count == width · height · 3`.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      pixels.count == width * height * 3,
      "\(width)x\(height) needs \(width * height * 3) bytes, got \(pixels.count)")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// An image of one colour.
  public init(width: Int, height: Int, red: UInt8 = 0, green: UInt8 = 0, blue: UInt8 = 0) {
    var pixels = [UInt8](repeating: red, count: width * height * 3)
    if green != red || blue != red {
      for at in stride(from: 0, to: pixels.count, by: 3) {
        pixels[at + 1] = green
        pixels[at + 2] = blue
      }
    }
    self.init(width: width, height: height, pixels: pixels)
  }
}
