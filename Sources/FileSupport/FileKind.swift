/// What a file is by its first bytes, for saying so when another kind was wanted.
public enum FileKind: Sendable, CaseIterable {
  case gzip, zip, zstandard, xz, bzip2, utf32, utf16, utf8WithMark, png, jpeg, html, hdf5, numpy
  case pickle, parquet, arrow, largeFilePointer

  private var signatures: [[UInt8]] {
    switch self {
    case .gzip: [[0x1F, 0x8B]]
    case .zip: [[0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6]]
    case .zstandard: [[0x28, 0xB5, 0x2F, 0xFD]]
    case .xz: [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]]
    case .bzip2: [Array("BZh".utf8)]
    case .utf32: [[0xFF, 0xFE, 0, 0], [0, 0, 0xFE, 0xFF]]
    case .utf16: [[0xFF, 0xFE], [0xFE, 0xFF]]
    case .utf8WithMark: [[0xEF, 0xBB, 0xBF]]
    case .png: [[0x89, 0x50, 0x4E, 0x47]]
    case .jpeg: [[0xFF, 0xD8, 0xFF]]
    case .html: [Array("<!DOCTYPE".utf8), Array("<html".utf8)]
    case .hdf5: [[0x89, 0x48, 0x44, 0x46]]
    case .numpy: [[0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]]
    case .pickle: (2...5).map { [0x80, $0] }
    case .parquet: [Array("PAR1".utf8)]
    case .arrow: [Array("ARROW1".utf8)]
    case .largeFilePointer: [Array("version https://git-lfs".utf8)]
    }
  }

  /// What to call it in a sentence after "is".
  public var name: String {
    switch self {
    case .gzip: "compressed by gzip"
    case .zip: "a zip archive"
    case .zstandard: "compressed by zstd"
    case .xz: "compressed by xz"
    case .bzip2: "compressed by bzip2"
    case .utf32: "text in UTF-32"
    case .utf16: "text in UTF-16"
    case .utf8WithMark: "text with a byte order mark"
    case .png: "a PNG image"
    case .jpeg: "a JPEG image"
    case .html: "a web page"
    case .hdf5: "an HDF5 file"
    case .numpy: "a NumPy array"
    case .pickle: "a pickle of Python"
    case .parquet: "a Parquet table"
    case .arrow: "an Arrow table"
    case .largeFilePointer: "the pointer that Git LFS leaves in place of a file"
    }
  }

  /// Recognises a file by its beginning; nil for anything else, plain text included.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    for kind in Self.allCases where kind.signatures.contains(where: { bytes.starts(with: $0) }) {
      self = kind
      return
    }
    // Two letters of plain text without a mark: every other byte is 0.
    guard bytes.count >= 4 else { return nil }
    let letters = UInt8(ascii: " ")..<0x7F
    for first in 0..<2
    where [0, 2].allSatisfy({
      letters.contains(bytes[first + $0]) && bytes[1 - first + $0] == 0
    }) {
      self = .utf16
      return
    }
    return nil
  }
}
