import FileSupport
import Foundation
import TestSupport
import Testing

@Suite("Where things are written")
struct OutputPathTests {
  @Test("A file that is read, by any name, or that lies in what is read is not replaced")
  func inputs() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: "x", to: folder.file("data/a.png"))
    try AtomicFile.write(text: "x", to: folder.file("data2/a.png"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("link"), withDestinationPath: "data")
    let inputs = [folder.file("data"), folder.file("nowhere"), folder.file("data2/a.png")]
    for name in ["data/a.png", "link/a.png", "data2/../data/a.png", "data2/a.png"] {
      let error = #expect(throws: FileError.self, "\(name)") {
        try OutputPath.check(folder.file(name), against: inputs)
      }
      #expect(error?.exitCode == .cannotWrite)
    }
    // New files are no loss; folders cannot be written as files.
    for name in ["data/new.png", "data2/b.png", "none/new.png"] {
      try OutputPath.check(folder.file(name), against: inputs)
    }
    for name in ["data", "data2", "link", "."] {
      let error = #expect(throws: FileError.self) {
        try OutputPath.check(folder.file(name), against: [])
      }
      #expect(error?.problem == "is a folder, not a file")
    }
    try AtomicFile.makeFolder(folder.file("data/train/a"))
    symlink(folder.file("data/train"), folder.file("shortcut"))
    for name in ["data/train", "data/train/a", "data/train/new/deep", "shortcut/new"] {
      let error = #expect(throws: FileError.self) {
        try OutputPath.checkFolder(folder.file(name), outside: [folder.file("data/train")])
      }
      #expect(error?.problem.contains("whose images are read") == true)
    }
    for name in ["data", "data/trainings", "data/reports/new", "new"] {
      try OutputPath.checkFolder(
        folder.file(name), outside: [folder.file("data/train"), folder.file("none")])
    }
    #expect(throws: FileError.self) { try OutputPath.checkDistinct(["a/b", "a/./b"]) }
    try OutputPath.checkDistinct(["a/b", "a/c"])
  }
}
