import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("Tar archives")
struct TarArchiveTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func members(_ path: String) throws -> [String: String] {
    let archive = try TarArchive(path: path)
    var found: [String: String] = [:]
    try archive.forEachMember { (member) throws(DatasetError) in
      found[member.name] = String(decoding: try archive.bytes(member.range), as: UTF8.self)
    }
    return found
  }

  private func message(_ bytes: [UInt8]) throws -> String {
    let path = folder.file("archive.tar")
    try AtomicFile.write(bytes, to: path)
    do {
      _ = try members(path)
      return ""
    } catch { return "\(error)" }
  }

  @Test(
    "The archives of GNU tar and Python's tarfile are read, long names and all",
    arguments: ["ustar", "gnu", "posix", "python-pax", "python-gnu"])
  func forms(name: String) throws {
    let found = try members(SourceTree.fixture("FileSupport/archives/\(name).tar"))
    let long =
      "folder-" + String(repeating: "x", count: 90) + "/" + String(repeating: "y", count: 80)
      + ".jpg"
    #expect(
      found == [
        "a/1.jpg": "one", "a/zwei ü.jpg": "zwei", long: String(repeating: "long ", count: 300),
      ])
  }

  @Test("A member can be an archive itself")
  func nested() throws {
    var inner = TarWriter()
    inner.add("x.jpg", Array("inside".utf8))
    var outer = TarWriter()
    outer.add("class.tar", inner.whole)
    outer.add("y.jpg", Array("after".utf8))
    try AtomicFile.write(outer.whole, to: folder.file("outer.tar"))
    let archive = try TarArchive(path: folder.file("outer.tar"))
    var names: [String] = []
    try archive.forEachMember { (member) throws(DatasetError) in
      names.append(member.name)
      guard member.name.hasSuffix(".tar") else { return }
      try archive.forEachMember(in: member.range) { (inside) throws(DatasetError) in
        names.append(
          inside.name + "=" + String(decoding: try archive.bytes(inside.range), as: UTF8.self))
      }
    }
    #expect(names == ["class.tar", "x.jpg=inside", "y.jpg"])
  }

  @Test("What is damaged, cut off, compressed or leads out of the archive is refused")
  func faults() throws {
    func archive(_ name: String = "a.jpg", kind: Character = "0", size: String? = nil) -> [UInt8] {
      var writer = TarWriter()
      writer.add(name, [1, 2, 3], kind: kind, size: size)
      return writer.whole
    }
    #expect(try message(archive()) == "")
    #expect(try message(Array(archive().prefix(513))).contains("longer than the archive"))
    #expect(try message(Array(archive().prefix(1024))).contains("without the mark of its end"))
    #expect(try message(archive(size: "77777777777")).contains("longer than the archive"))
    #expect(try message(archive(size: "-0000000001")).contains("longer than the archive"))
    #expect(try message(archive("../a.jpg")).contains("leads out of it"))
    #expect(try message(archive("/etc/a.jpg")).contains("leads out of it"))
    #expect(try message(archive("b/../../a.jpg", kind: "2")).contains("leads out of it"))
    #expect(try message(archive(kind: "S")).contains("a kind of file that is not read"))
    #expect(try message([0x1F, 0x8B] + archive()).contains("compressed by gzip"))
    var damaged = archive()
    damaged[5] ^= 1
    #expect(try message(damaged).contains("no header of a file at byte 0"))
    // A size of an extended header is checked like any other.
    var writer = TarWriter()
    writer.add("p", Array("15 size=999999\n".utf8), kind: "x")
    writer.add("a.jpg", [1])
    #expect(try message(writer.whole).contains("longer than the archive"))
    writer = TarWriter()
    writer.add("p", Array("99 path=b\n".utf8), kind: "x")
    #expect(try message(writer.whole).contains("damaged extended header"))
    #expect(throws: DatasetError.self) { try TarArchive(path: folder.path) }
  }

  @Test("An archive that was changed since is refused")
  func changed() throws {
    var writer = TarWriter()
    writer.add("a.jpg", Array("first".utf8))
    let path = folder.file("archive.tar")
    try AtomicFile.write(writer.whole, to: path)
    let stamp = try #require(FileStamp(path: path))
    #expect(
      try FileBytes.read(path, 512..<517, unchangedSince: stamp) == Array("first".utf8))
    try AtomicFile.write(writer.whole, to: path)
    let error = #expect(throws: FileError.self) {
      try FileBytes.read(path, 512..<517, unchangedSince: stamp)
    }
    #expect(error?.problem.contains("was changed") == true && error?.exitCode == .badData)
  }
}
