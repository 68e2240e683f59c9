extension RGBImage {
  /// The image turned and mirrored as an EXIF orientation of 1...8 says; other values count as 1.
  ///
  /// - Returns: Width and height change places for 5...8.
  public func oriented(_ orientation: Int) -> RGBImage {
    guard (2...8).contains(orientation) else { return self }
    let swaps = orientation >= 5
    let (columns, rows) = swaps ? (height, width) : (width, height)
    // Where in the stored image the result starts, and how far one step right or down goes there.
    let right = 3
    let down = 3 * width
    let lastColumn = (width - 1) * right
    let lastRow = (height - 1) * down
    let walk: (start: Int, column: Int, row: Int) =
      switch orientation {
      case 2: (lastColumn, -right, down)
      case 3: (lastColumn + lastRow, -right, -down)
      case 4: (lastRow, right, -down)
      case 5: (0, down, right)
      case 6: (lastRow, -down, right)
      case 7: (lastColumn + lastRow, -down, -right)
      default: (lastColumn, down, -right)
      }
    let count = pixels.count
    let turned = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
      pixels.withUnsafeBufferPointer { source in
        var to = 0
        for row in 0..<rows {
          var from = walk.start + row * walk.row
          for _ in 0..<columns {
            output[to] = source[from]
            output[to + 1] = source[from + 1]
            output[to + 2] = source[from + 2]
            to += 3
            from += walk.column
          }
        }
      }
      initialized = count
    }
    return RGBImage(width: columns, height: rows, pixels: turned)
  }
}

extension ImageFile {
  /// Decodes a picture that something else was made for: its label map, its objects.
  ///
  /// It is turned as its EXIF data say, as OpenCV's loader does; where only the stored pixels have
  /// the expected size, the other was made for these, and they are taken as they are.
  ///
  /// - Throws: `ImageError` when the file is missing, of another type, cut off or damaged.
  public static func decode(
    path: String, for size: (width: Int, height: Int)
  ) throws(ImageError) -> RGBImage {
    let turned = try decode(path: path, appliesOrientation: true)
    if (turned.width, turned.height) == size || turned.width == turned.height { return turned }
    return (turned.height, turned.width) == size ? try decode(path: path) : turned
  }
}

extension ImageHeader {
  /// Whether the picture, turned as its EXIF data say, has a size.
  func turns(to width: Int, _ height: Int) -> Bool {
    orientation < 5
      ? (self.width, self.height) == (width, height) : (self.height, self.width) == (width, height)
  }
}
