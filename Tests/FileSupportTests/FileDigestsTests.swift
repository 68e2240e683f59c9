import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("Digests of files that are remembered")
struct FileDigestsTests {
  /// Writes a file whose times lie so far back that its digest is kept.
  private func write(_ text: String, _ path: String, at time: Int = 1_000_000) throws {
    try AtomicFile.write(text: text, to: path)
    var times = [timeval(tv_sec: time, tv_usec: 0), timeval(tv_sec: time, tv_usec: 0)]
    #expect(utimes(path, &times) == 0)
  }

  @Test("Digests are those of the contents, in order, and nil for what cannot be read")
  func contents() throws {
    let folder = try TemporaryDirectory()
    try write("one", folder.file("a"))
    try write("two", folder.file("b"))
    let digests = FileDigests(folder: folder.file("cache"))
    let expected = [SHA256.digest("two"), nil, SHA256.digest("one")]
    #expect(digests.digests(of: ["b", "nothing", "a"], in: folder.path) == expected)
    #expect(digests.digests(of: ["b", "nothing", "a"], in: folder.path) == expected)
  }

  @Test("A file that is altered at the same size and the same time gives another digest")
  func altered() throws {
    let folder = try TemporaryDirectory()
    for cache in [nil, folder.file("cache")] {
      try write("before", folder.file("a"))
      #expect(
        FileDigests(folder: cache).digests(of: ["a"], in: folder.path) == [SHA256.digest("before")])
      try write("after!", folder.file("a"))
      #expect(
        FileDigests(folder: cache).digests(of: ["a"], in: folder.path) == [SHA256.digest("after!")])
    }
  }

  @Test("A cache that was altered or cut is no answer")
  func damagedCache() throws {
    let folder = try TemporaryDirectory()
    try write("one", folder.file("a"))
    // The time of the last change cannot be set back: wait until the digest is kept.
    Thread.sleep(forTimeInterval: 3.2)
    _ = FileDigests(folder: folder.file("cache")).digests(of: ["a"], in: folder.path)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("cache"))
    let path = folder.file("cache") + "/" + (try #require(names.first))
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    #expect(text.contains(SHA256.digest("one")) && text.hasSuffix("\ta\n"))
    let wrong = text.replacingOccurrences(of: SHA256.digest("one"), with: SHA256.digest("two"))
    // Another content of the same size and the same time of writing.
    try write("eno", folder.file("a"))
    #expect(
      FileDigests(folder: folder.file("cache")).digests(of: ["a"], in: folder.path)
        == [SHA256.digest("eno")])
    try write("one", folder.file("a"))
    for damaged in [wrong, String(text.dropLast(5)), "", "\u{0}\u{0}"] {
      try AtomicFile.write(text: damaged, to: path)
      #expect(
        FileDigests(folder: folder.file("cache")).digests(of: ["a"], in: folder.path)
          == [SHA256.digest("one")])
    }
  }
}
