import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("Files")
struct AtomicFileTests {
  @Test("A failed write leaves the old file and nothing beside it")
  func failedWrite() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("a.txt")
    try AtomicFile.write(text: "old", to: path)
    #expect(throws: FileError.self) {
      try AtomicFile.write(to: path) { (writer: inout AtomicFile.Writer) throws(FileError) in
        try writer.append(Array("half".utf8))
        throw FileError(path: path, problem: "stops", remedy: "none", exitCode: .cannotWrite)
      }
    }
    #expect(try FileBytes.read(path) == Array("old".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.txt"])
  }

  @Test("What a killed process was writing aside is removed, what a living one writes is not")
  func leftovers() throws {
    let folder = try TemporaryDirectory()
    // The name of the machine is part of a name; a failed write tells it.
    var aside = ""
    #expect(throws: FileError.self) {
      try AtomicFile.write(to: folder.file("x/a")) {
        (writer: inout AtomicFile.Writer) throws(FileError) in
        aside = ((try? FileManager.default.contentsOfDirectory(atPath: folder.file("x"))) ?? [])[0]
        throw FileError(path: "", problem: "stops", remedy: "none", exitCode: .cannotWrite)
      }
    }
    let own = "-\(getpid())-"
    #expect(aside.hasPrefix("a.partial-") && aside.contains(own))
    // Numbers of processes end below this one.
    let dead = aside.replacing(own, with: "-4194999-")
    let elsewhere = "a.partial-elsewhere-4194999-1"
    let below = folder.file("y")
    for name in [aside, dead, elsewhere, "a.partial"] {
      try AtomicFile.makeFolder(below)
      try Data("half".utf8).write(to: URL(fileURLWithPath: below + "/" + name))
    }
    try AtomicFile.write(text: "new", to: below + "/b")
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: below))
        == [aside, elsewhere, "a.partial", "b"])
  }

  @Test("A link is followed, and neither it nor a pipe or a device is replaced")
  func linksAndPipes() throws {
    let folder = try TemporaryDirectory()
    let manager = FileManager.default
    try AtomicFile.write(text: "old", to: folder.file("real/a.txt"))
    try manager.createSymbolicLink(
      atPath: folder.file("link"), withDestinationPath: "real/a.txt")
    try AtomicFile.write(text: "new", to: folder.file("link"))
    #expect(try manager.destinationOfSymbolicLink(atPath: folder.file("link")) == "real/a.txt")
    #expect(try FileBytes.read(folder.file("real/a.txt")) == Array("new".utf8))
    // One that leads to itself is told, not followed for ever.
    try manager.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
    #expect(throws: FileError.self) { try AtomicFile.write(text: "x", to: folder.file("loop")) }

    let pipe = folder.file("pipe")
    try #require(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try AtomicFile.write(text: "through", to: pipe)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = read(reader, &bytes, 16)
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "through")
    var info = stat()
    #expect(stat(pipe, &info) == 0 && info.st_mode & S_IFMT == S_IFIFO)
  }

  @Test("Folders on the way are made, and a file in their place is named")
  func folders() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: "x", to: folder.file("b/c/d.txt"))
    #expect(try FileBytes(path: folder.file("b/c/d.txt")).bytes.count == 1)
    let error = #expect(throws: FileError.self) {
      try AtomicFile.write(text: "x", to: folder.file("b/c/d.txt/e"))
    }
    #expect(error?.exitCode == .cannotWrite)
    #expect(error?.description.contains("is a file where a folder is needed") == true)
  }

  @Test("A full disk is said in one sentence", .needsFullDevice)
  func fullDisk() {
    let error = #expect(throws: FileError.self) {
      let file = try AppendOnlyFile(path: "/dev/full")
      try file.append("line\n")
    }
    #expect(error?.description.contains("the disk is full") == true)
    #expect(error?.exitCode == .cannotWrite)
  }

  @Test("A missing file and a folder are told apart")
  func missing() throws {
    let folder = try TemporaryDirectory()
    let missing = #expect(throws: FileError.self) { try FileBytes(path: folder.file("none")) }
    #expect(missing?.problem == "does not exist")
    let isFolder = #expect(throws: FileError.self) { try FileBytes.read(folder.path) }
    #expect(isFolder?.problem == "is a folder, not a file")
  }

  @Test("SHA-256 and CRC-32 have their published check values")
  func hashes() {
    #expect(
      SHA256.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(crc32("123456789") == 0xCBF4_3926)
    var running = SHA256()
    running.update("a")
    running.update("bc")
    #expect(running.finish() == SHA256.digest("abc"))
  }
}
