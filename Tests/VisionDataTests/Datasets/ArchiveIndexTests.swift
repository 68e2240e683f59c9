import FileSupport
import Foundation
import TestSupport
import Testing

@testable import VisionData

@Suite("Indexes of archives that are kept")
struct ArchiveIndexTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Two archives, one with classes in files beside the images.
  private func archives(shade: UInt8 = 1) throws -> [String] {
    for (name, label) in [("a.tar", "3"), ("b.tar", "0")] {
      var writer = TarWriter()
      let image = try ImageFile.png(RGBImage(width: 8, height: 6, red: shade))
      writer.add("x/1.png", image)
      writer.add("x/1.cls", Array(label.utf8))
      writer.add("x/.2.png", image)
      writer.add("x/readme.txt", [1])
      try AtomicFile.write(writer.whole, to: folder.file(name))
    }
    return ["a.tar", "b.tar"]
  }

  private func stamps(_ files: [String]) throws -> [FileStamp] {
    try files.map { try #require(FileStamp(path: folder.file($0))) }
  }

  private func expectEqual(_ first: ImageArchives, _ second: ImageArchives) {
    #expect(first.archives == second.archives && first.starts == second.starts)
    #expect(first.sizes == second.sizes && first.numbers == second.numbers)
    #expect(first.paths.bytes == second.paths.bytes && first.paths.ends == second.paths.ends)
    #expect(first.hidden == second.hidden && first.ignoredCount == second.ignoredCount)
    #expect(first.stamps == second.stamps)
  }

  @Test("What was found comes back, and images are read by it")
  func round() throws {
    let files = try archives()
    let found = try ImageArchives(root: folder.path, files: files)
    let index = ArchiveIndex(folder: folder.file("cache"), root: folder.path, files: files)
    #expect(index.read(try stamps(files)) == nil)
    index.write(found, now: 4e9)
    let kept = try #require(index.read(try stamps(files)))
    expectEqual(kept, found)
    #expect(kept.numbers == [3, 0] && kept.hidden.count == 2 && kept.ignoredCount == 2)
    #expect(try kept.contents(1) == found.contents(1))
    // Another set of the same archives has an index of its own.
    let other = ArchiveIndex(folder: folder.file("cache"), root: folder.path, files: ["a.tar"])
    let first = Array(try stamps(files).prefix(1))
    #expect(other.path != index.path && other.read(first) == nil)
  }

  @Test("Archives that were changed, or just written, are read again")
  func changes() throws {
    let files = try archives()
    let index = ArchiveIndex(folder: folder.file("cache"), root: folder.path, files: files)
    let found = try ImageArchives(root: folder.path, files: files)
    index.write(found)
    #expect(index.read(try stamps(files)) == nil)
    index.write(found, now: 4e9)
    _ = try archives(shade: 2)
    #expect(index.read(try stamps(files)) == nil)
  }

  @Test("An index that is damaged or cut anywhere is as good as none")
  func damage() throws {
    let files = try archives()
    let index = ArchiveIndex(folder: folder.file("cache"), root: folder.path, files: files)
    index.write(try ImageArchives(root: folder.path, files: files), now: 4e9)
    let sound = try FileBytes.read(index.path)
    let stamps = try stamps(files)
    for place in sound.indices {
      var bytes = sound
      bytes[place] ^= 0x40
      try Data(bytes).write(to: URL(fileURLWithPath: index.path))
      #expect(index.read(stamps) == nil, "byte \(place)")
    }
    for length in 0..<sound.count {
      try Data(sound.prefix(length)).write(to: URL(fileURLWithPath: index.path))
      #expect(index.read(stamps) == nil, "\(length) bytes")
    }
    // Numbers that are wrong behind a right checksum lead nowhere, either.
    let body = Array(sound.dropLast(4))
    for place in stride(from: 21, to: body.count, by: 1) {
      var bytes = body
      bytes[place] = 0xFF
      let sum = bytes.withUnsafeBytes { crc32($0) }
      bytes += withUnsafeBytes(of: sum) { Array($0) }
      try Data(bytes).write(to: URL(fileURLWithPath: index.path))
      guard let read = index.read(stamps) else { continue }
      for image in 0..<read.paths.count { _ = try? read.contents(image) }
    }
  }
}
