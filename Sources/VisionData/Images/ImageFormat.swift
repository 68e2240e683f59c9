extension ImageHeader.Format {
  /// What the first bytes of a file say it is.
  enum Detected: Equatable {
    case supported(ImageHeader.Format)
    /// The rest of a sentence that starts with the file.
    case other(String)
    /// The same of a JPEG that needs another decoder.
    case otherProcess(String)
  }

  /// Beginnings of files that are met in data sets, the more special ones first.
  private static let signatures: [(offset: Int, bytes: [UInt8], type: String)] = [
    (0, Array("BM".utf8), "is a BMP image"),
    (0, Array("GIF8".utf8), "is a GIF image"),
    (8, Array("WEBP".utf8), "is a WebP image"),
    (0, [0x49, 0x49, 0x2A, 0], "is a TIFF image"),
    (0, [0x4D, 0x4D, 0, 0x2A], "is a TIFF image"),
    (4, Array("jP  ".utf8), "is a JPEG 2000 image"),
    (0, [0xFF, 0x4F, 0xFF, 0x51], "is a JPEG 2000 image"),
    (4, Array("JXL ".utf8), "is a JPEG XL image"),
    (0, [0xFF, 0x0A], "is a JPEG XL image"),
    (4, Array("ftypavi".utf8), "is an AVIF image"),
    (4, Array("ftyp".utf8), "is a HEIF image or a video"),
    (0, Array("8BPS".utf8), "is a Photoshop document"),
    (0, [0, 0, 1, 0], "is an icon file"),
    (0, Array("%PDF".utf8), "is a PDF document"),
    (0, Array("PK\u{3}\u{4}".utf8), "is a ZIP archive"),
    (0, [0x1F, 0x8B], "is a gzip archive"),
    (0, Array("version https://git-lfs".utf8), "is a Git LFS pointer without its image"),
  ]

  /// Tells the type from the content; names and extensions are often wrong.
  static func detect(_ bytes: UnsafeRawBufferPointer) -> Detected {
    func starts(_ signature: [UInt8], at offset: Int = 0) -> Bool {
      bytes.count >= offset + signature.count
        && signature.indices.allSatisfy { bytes[offset + $0] == signature[$0] }
    }
    if bytes.isEmpty { return .other("is an empty file") }
    if starts([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .supported(.png) }
    if starts([0xFF, 0xD8, 0xFF]) { return otherProcess(of: bytes) ?? .supported(.jpeg) }
    for (offset, signature, type) in signatures where starts(signature, at: offset) {
      return .other(type)
    }
    if bytes.prefix(512).allSatisfy({ $0 == 0 }) { return .other("is a file of zero bytes") }
    let text = bytes.drop { $0 <= 0x20 || $0 == 0xEF || $0 == 0xBB || $0 == 0xBF }
    if text.first == UInt8(ascii: "<") { return .other("is a web page or other markup") }
    return .other("is of no known type")
  }

  /// Names the JPEG processes that share the signature but need another decoder.
  private static func otherProcess(of bytes: UnsafeRawBufferPointer) -> Detected? {
    var at = 2
    while at + 4 <= bytes.count {
      guard bytes[at] == 0xFF else { return nil }
      let marker = bytes[at + 1]
      if marker == 0xFF {
        at += 1
        continue
      }
      switch marker {
      case 0xC3, 0xC7, 0xCB, 0xCF: return .otherProcess("is a lossless JPEG image")
      case 0xF7: return .otherProcess("is a JPEG-LS image")
      case 0xC0...0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE:
        let bits = at + 4 < bytes.count ? bytes[at + 4] : 8
        return bits == 8 ? nil : .otherProcess("is a JPEG image of \(bits) bits a sample")
      case 0xDA, 0xD9: return nil
      default: at += 2 + Int(bytes[at + 2]) << 8 + Int(bytes[at + 3])
      }
    }
    return nil
  }
}
