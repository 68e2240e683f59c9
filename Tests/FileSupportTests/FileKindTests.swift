import FileSupport
import Testing

@Suite("Kinds of files by their first bytes")
struct FileKindTests {
  private func kind(_ bytes: [UInt8]) -> FileKind? { bytes.withUnsafeBytes { FileKind($0) } }

  @Test("Compressed files, marks and wide letters are told from plain text")
  func kinds() {
    #expect(kind([0x1F, 0x8B, 8, 0]) == .gzip && kind([0x50, 0x4B, 3, 4]) == .zip)
    #expect(kind([0xEF, 0xBB, 0xBF] + Array("{}".utf8)) == .utf8WithMark)
    #expect(kind([0xFF, 0xFE, 0x7B, 0]) == .utf16 && kind([0xFE, 0xFF, 0, 0x7B]) == .utf16)
    #expect(kind([0x80, 4, 0x95, 0]) == .pickle && kind([0x80, 0x7B]) == nil)
    #expect(kind([0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0]) == .utf32)
    #expect(kind(Array("version https://git-lfs.github.com/spec/v1\n".utf8)) == .largeFilePointer)
    // Without a mark, every other byte of plain letters is 0.
    #expect(kind([0x7B, 0, 0x22, 0]) == .utf16 && kind([0, 0x7B, 0, 0x22]) == .utf16)
    for plain in [Array("{\"a\": 1}".utf8), [], [0x7B], [8, 0, 0, 0, 0, 0, 0, 0x7B]] {
      #expect(kind(plain) == nil, "\(plain)")
    }
  }
}
