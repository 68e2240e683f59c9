import CommandLine
import FileSupport
import Foundation
import Loading
import SampleData
import TestSupport
import Testing

@testable import Inspection
@testable import VisionData

@Suite("Corrupting data", .timeLimit(.minutes(5)))
struct CorruptDataTests {
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (1, 1))).generate(at: folder.file("sample"))
    return folder
  }

  private func corrupt(
    _ folder: TemporaryDirectory, _ change: (inout CorruptDataOptions) -> Void = { _ in }
  ) throws {
    var options = CorruptDataOptions()
    options.data = folder.file("sample/classification")
    options.output = folder.file("out")
    options.cache = folder.file("cache")
    options.limit = 3
    options.corruptions.names = [.contrast, .shotNoise]
    options.corruptions.severities = [4, 2]
    options.engine.quiet = true
    change(&options)
    try options.validate()
    #expect(try CorruptCommand(options: options).run() == .success)
  }

  /// The files without the lock and the record.
  private func pictures(_ folder: TemporaryDirectory) throws -> [String: Data] {
    try ChildProgram.files(under: folder.file("out")).filter {
      !$0.key.hasSuffix(".lock") && $0.key != CorruptionRecord.file
    }
  }

  @Test("The folder has the layout of ImageNet-C, and each file is the corrupted crop")
  func layout() throws {
    let folder = try prepare()
    try corrupt(folder)
    let images = try ImageFolder(root: folder.file("sample/classification/val"))
    let order = images.evenly(3)
    let made = MadeCorruptions([.contrast, .shotNoise], severities: [2, 4], frost: nil)
    let files = try pictures(folder)
    #expect(files.count == 12)
    for index in order {
      let crop = made.cropped(try images.image(index))
      for part in made.parts {
        let name = "\(part.corruption.rawValue)/\(part.severity)/" + images.relativePath(index)
        #expect(files[name] == Data(try made.file(crop, part, image: index)), "\(name)")
      }
    }
    let record = try #require(try CorruptionRecord(in: folder.file("out")))
    #expect(record.isComplete && record.severities == [2, 4])
  }

  @Test("A folder that was not finished is gone on with, a finished one is left as it is")
  func resuming() throws {
    let folder = try prepare()
    try corrupt(folder)
    let whole = try pictures(folder)
    var record = try #require(try CorruptionRecord(in: folder.file("out")))
    record.isComplete = false
    try record.write(to: folder.file("out"))
    let lost = try #require(whole.keys.min())
    try FileManager.default.removeItem(atPath: folder.file("out/" + lost))
    let kept = try #require(whole.keys.max())
    let stamp = FileStamp(path: folder.file("out/" + kept))?.text
    try corrupt(folder)
    #expect(try pictures(folder) == whole)
    #expect(FileStamp(path: folder.file("out/" + kept))?.text == stamp)
    // Nothing is looked for in a folder that is whole.
    try FileManager.default.removeItem(atPath: folder.file("out/" + lost))
    try corrupt(folder)
    #expect(!FileManager.default.fileExists(atPath: folder.file("out/" + lost)))
  }

  @Test("An image that cannot be decoded stops the work, or is left out of every part and named")
  func damaged() throws {
    let folder = try prepare()
    try corrupt(folder) { $0.limit = nil }
    let whole = try pictures(folder)
    try FileManager.default.removeItem(atPath: folder.file("out"))
    let images = try ImageFolder(root: folder.file("sample/classification/val"))
    let bad = images.relativePath(1)
    try AtomicFile.write(text: "no image", to: images.path(1))
    let error = #expect(throws: ImageError.self) { try corrupt(folder) { $0.limit = nil } }
    #expect(error?.description.contains("--on-bad-image skip") == true)
    // What was begun goes on under the other policy.
    try corrupt(folder) { ($0.limit, $0.onBadImage) = (nil, .skip) }
    let files = try pictures(folder)
    #expect(files == whole.filter { !$0.key.hasSuffix("/" + bad) } && files.count < whole.count)
    let record = try #require(try CorruptionRecord(in: folder.file("out")))
    #expect(record.isComplete && record.leftOut.count == 1)
    #expect(record.leftOut[0].hasSuffix(bad))
    // Who wants to stop at such an image has no answer in a folder without it.
    #expect(throws: ImageError.self) { try corrupt(folder) { $0.limit = nil } }
    try corrupt(folder) { ($0.limit, $0.onBadImage) = (nil, .skip) }
    for index in 0..<images.count {
      try AtomicFile.write(text: "no image", to: images.path(index))
    }
    try FileManager.default.removeItem(atPath: folder.file("out"))
    let none = #expect(throws: DatasetError.self) {
      try corrupt(folder) { ($0.limit, $0.onBadImage) = (nil, .skip) }
    }
    #expect(none?.problem == "has no image that can be decoded")
    #expect(try CorruptionRecord(in: folder.file("out"))?.isComplete == false)
  }

  @Test("One thread and three write the same files")
  func threads() throws {
    let (one, three) = (try prepare(), try prepare())
    try withThreadCount(1) { try corrupt(one) }
    try withThreadCount(3) { try corrupt(three) }
    #expect(try pictures(one) == pictures(three))
  }

  @Test("Folders that hold anything else are refused")
  func foreign() throws {
    let folder = try prepare()
    func message(_ change: (inout CorruptDataOptions) -> Void = { _ in }) -> String {
      do {
        try corrupt(folder, change)
        return ""
      } catch { return "\(error)" }
    }
    try AtomicFile.write(text: "mine", to: folder.file("out/notes.txt"))
    #expect(message().contains("is not empty and was not made by bench-data corrupt"))
    try FileManager.default.removeItem(atPath: folder.file("out"))
    try corrupt(folder)
    #expect(message { $0.limit = 2 }.contains("made of other settings (images)"))
    #expect(message { $0.corruptions.severities = [2] }.contains("(severities)"))
    #expect(message { $0.corruptions.names = [.fog] }.contains("(corruptions)"))
    #expect(message { $0.data = folder.file("missing") }.contains("does not exist"))
    #expect(message { $0.corruptions.names = [.frost] }.contains("--frost-pictures"))
  }

  @Test("Images without class folders and of other formats get both")
  func names() throws {
    let folder = try prepare()
    let picture = RGBImage(width: 40, height: 30, red: 200, green: 10, blue: 90)
    for name in ["a/1.png", "a/1.jpg", "b/deep/2.JPEG"] {
      let bytes =
        name.hasSuffix("png") ? try ImageFile.png(picture) : try ImageFile.jpeg(picture)
      try AtomicFile.write(bytes, to: folder.file("split/" + name))
    }
    try corrupt(folder) {
      ($0.data, $0.limit) = (folder.file("split"), nil)
      ($0.corruptions.names, $0.corruptions.severities) = ([.contrast], [1])
    }
    #expect(
      Set(try pictures(folder).keys)
        == ["a/1.png.JPEG", "a/1.jpg", "b/deep/2.JPEG"].reduce(into: []) {
          $0.insert("contrast/1/" + $1)
        })
  }
}
