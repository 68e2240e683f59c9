import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("What lies in a folder", .timeLimit(.minutes(5)))
struct FileTreeTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func make(_ names: String...) throws {
    for name in names { try AtomicFile.write(text: "x", to: folder.file(name)) }
  }

  @Test("Sub-folders and links are walked, hidden files and those in hidden folders listed apart")
  func walk() throws {
    try make("a/b.png", "a/deep/c.png", ".h.png", "a/.secret/d.png", "a/.secret/in/e.png")
    let elsewhere = try TemporaryDirectory()
    try AtomicFile.write(text: "x", to: elsewhere.file("f.png"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("linked"), withDestinationPath: elsewhere.path)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("link.png"), withDestinationPath: "a/b.png")
    let listing = try FileTree.files(below: folder.path)
    #expect(listing.files == ["link.png", "a/b.png", "a/deep/c.png", "linked/f.png"])
    #expect(Set(listing.hidden) == [".h.png", "a/.secret/d.png", "a/.secret/in/e.png"])
    #expect(listing.deadLinks.isEmpty)
  }

  @Test("Links that lead nowhere are known, and one that leads back is refused by name")
  func links() throws {
    try make("a/b.png")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("a/gone"), withDestinationPath: "/nowhere/at/all")
    let listing = try FileTree.files(below: folder.path)
    #expect(listing.deadLinks == ["a/gone"] && listing.files.contains("a/gone"))
    let error = FileTree.deadLink(folder.file("a/gone"))
    #expect("\(error)".contains("a/gone") && error.exitCode == .missingFile)
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("a/up"), withDestinationPath: "..")
    // The link is named, not the plain folder behind it in which the circle shows itself.
    for root in ["", "/a"] {
      let circle = #expect(throws: DatasetError.self) {
        try FileTree.files(below: folder.path + root)
      }
      #expect(circle?.path == folder.file("a/up"))
    }
  }

  @Test("A file that cannot be read says that it is a link, and where that leads")
  func linkedFiles() throws {
    symlink("/nowhere/at/all", folder.file("gone"))
    symlink("round", folder.file("round"))
    for (name, words) in [("gone", "leads nowhere"), ("round", "leads back to itself")] {
      let file = #expect(throws: FileError.self) { try FileBytes(path: folder.file(name)) }
      #expect(file?.problem.contains("is a symbolic link that \(words)") == true)
      #expect(file?.remedy == "mend the link or remove it" && file?.exitCode == .missingFile)
      let tree = #expect(throws: DatasetError.self) {
        try FileTree.files(below: folder.file(name))
      }
      #expect(tree?.problem == file?.problem)
    }
  }

  @Test("A pipe that is named to be read is waited for until its writer comes")
  func latePipe() throws {
    let path = folder.file("pipe")
    try #require(mkfifo(path, 0o600) == 0)
    let writer = Thread {
      Thread.sleep(forTimeInterval: 0.3)
      try? AtomicFile.write(text: "late", to: path)
    }
    writer.start()
    let bytes = try FileBytes(path: path, readsPipes: true)
    #expect(String(decoding: bytes.bytes, as: UTF8.self) == "late")
  }

  @Test("A file that was a link before it was copied says which folder it names")
  func copiedLinks() throws {
    try make("real/a.png")
    try AtomicFile.write(text: "real\n", to: folder.file("pred"))
    let error = #expect(throws: DatasetError.self) {
      try FileTree.files(below: folder.file("pred"))
    }
    #expect(error?.description.contains("is no folder, but names 'real'") == true)
    try AtomicFile.write(text: "unreal", to: folder.file("pred"))
    let plain = #expect(throws: DatasetError.self) {
      try FileTree.files(below: folder.file("pred"))
    }
    #expect(plain?.problem == "is no folder")
  }

  @Test("A name that is not UTF-8 is an error with the folder's name; a pipe blocks nothing")
  func names() throws {
    #expect(mkfifo(folder.file("p.png"), 0o600) == 0)
    #expect(try FileTree.files(below: folder.path).files == ["p.png"])
    #expect(throws: FileError.self) { try FileBytes.read(folder.file("p.png")) }
    let latin = Array(folder.path.utf8) + Array("/caf".utf8) + [0xE9, 0]
    let made = latin.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
      $0.baseAddress.map { mkdir($0, 0o700) } ?? -1
    }
    #expect(made == 0)
    let error = #expect(throws: DatasetError.self) { try FileTree.files(below: folder.path) }
    #expect(error?.problem.contains("not UTF-8") == true)
    #expect(error?.path == folder.path)
  }
}
