import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

/// A folder of tiny images, made for one test.
func makeImageFolder(
  in folder: TemporaryDirectory, _ files: [String], size: Int = 12
) throws {
  for (index, file) in files.enumerated() {
    var image = RGBImage(
      width: size, height: size, red: UInt8(index * 20 % 256), green: 90, blue: 3)
    image.pixels[0] = UInt8(index)
    let bytes =
      file.hasSuffix("png") ? try ImageFile.png(image) : try ImageFile.jpeg(image, quality: 95)
    try AtomicFile.write(bytes, to: folder.file(file))
  }
}

@Suite("Image folders")
struct ImageFolderTests {
  @Test("Classes and files are in byte order, with the usual extensions")
  func order() throws {
    let folder = try TemporaryDirectory()
    try makeImageFolder(
      in: folder, ["train/b/2.JPEG", "train/b/10.jpg", "train/a/x.png", "train/B/z.jpeg"])
    try AtomicFile.write(text: "no image", to: folder.file("train/a/readme.txt"))
    try AtomicFile.write(text: "hidden", to: folder.file("train/.cache/x.png"))
    let split = try ImageFolder(root: folder.file("train"))
    #expect(split.classNames == ["B", "a", "b"])
    #expect(
      (0..<split.count).map(split.relativePath) == ["B/z.jpeg", "a/x.png", "b/10.jpg", "b/2.JPEG"])
    #expect(split.labels == [0, 1, 2, 2])
    #expect(split.ignoredFileCount == 1)
  }

  @Test("Broken layouts are said in one sentence")
  func faults() throws {
    let folder = try TemporaryDirectory()
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { _ = try ClassificationData(root: folder.path) }.contains("does not exist"))
    try makeImageFolder(in: folder, ["train/a/1.png", "train/b/2.png", "val/1.png"])
    #expect(message { _ = try ClassificationData(root: folder.path) }.contains("side by side"))
    try FileManager.default.removeItem(atPath: folder.file("val"))
    try makeImageFolder(in: folder, ["val/a/1.png", "val/c/2.png"])
    #expect(
      message { _ = try ClassificationData(root: folder.path) }
        .contains("is a class that the training split does not have"))
    try FileManager.default.removeItem(atPath: folder.file("val/c"))
    try FileManager.default.removeItem(atPath: folder.file("train/b/2.png"))
    #expect(message { _ = try ClassificationData(root: folder.path) }.contains("holds no image"))
  }

  @Test("A flat val is read through its mapping file")
  func flat() throws {
    let folder = try TemporaryDirectory()
    try makeImageFolder(in: folder, ["train/a/1.png", "train/b/2.png", "val/u.png", "val/v.png"])
    try AtomicFile.write(text: "u.png b\nv.png a\n", to: folder.file("val/val_map.txt"))
    let data = try ClassificationData(root: folder.path)
    #expect(data.validation.labels == [1, 0])
    #expect(data.validation.relativePath(0) == "u.png")
    #expect(try ImageFile.decode(path: data.validation.path(1)).width == 12)
  }

  @Test("The manifest's hash follows contents' sizes and names, not the place")
  func manifest() throws {
    let first = try TemporaryDirectory()
    let second = try TemporaryDirectory()
    for folder in [first, second] {
      try makeImageFolder(in: folder, ["train/a/1.png", "train/b/2.png"])
    }
    func hash(_ folder: TemporaryDirectory) throws -> String {
      try ImageFolder(root: folder.file("train")).manifestHash()
    }
    #expect(try hash(first) == hash(second))
    try FileManager.default.moveItem(
      atPath: second.file("train/b/2.png"), toPath: second.file("train/b/3.png"))
    #expect(try hash(first) != hash(second))
  }
}
