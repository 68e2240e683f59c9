import Testing
import VisionData

@Suite("Contact sheets")
struct ContactSheetTests {
  @Test("Pictures stand in their cells in order, and captions leave marks below")
  func layout() {
    var sheet = ContactSheet(columnCount: 2, cellSize: 20)
    sheet.add(RGBImage(width: 20, height: 20, red: 200), caption: "A1")
    sheet.add(RGBImage(width: 40, height: 20, green: 200), caption: "")
    sheet.add(RGBImage(width: 10, height: 10, blue: 200), caption: "C")
    let image = sheet.image()
    #expect(image.width == 6 + 2 * 26 && image.height == 6 + 2 * 40)
    func pixel(_ x: Int, _ y: Int) -> [UInt8] {
      Array(image.pixels[(y * image.width + x) * 3..<(y * image.width + x) * 3 + 3])
    }
    #expect(pixel(16, 16) == [200, 0, 0])
    #expect(pixel(42, 16) == [0, 200, 0])
    #expect(pixel(42, 8) == [236, 236, 232])  // the wide picture was made lower
    #expect(pixel(16, 56) == [0, 0, 200])
    let captionRow = (28..<38).contains { y in
      (6..<26).contains { x in pixel(x, y) == [30, 30, 30] }
    }
    #expect(captionRow)
    let emptyCaption = (28..<38).contains { y in
      (32..<52).contains { x in pixel(x, y) == [30, 30, 30] }
    }
    #expect(!emptyCaption)
  }
}
