import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

@Suite("Parts of a training set")
struct ImageListTests {
  private func folder() throws -> (TemporaryDirectory, ImageFolder) {
    let folder = try TemporaryDirectory()
    for (name, count) in [("a", 4), ("b", 5)] {
      for number in 0..<count {
        try AtomicFile.write(
          try ImageFile.png(RGBImage(width: 2, height: 2)),
          to: folder.file("train/\(name)/\(name)_\(number).png"))
      }
      try AtomicFile.write(
        try ImageFile.png(RGBImage(width: 2, height: 2)), to: folder.file("train/\(name)/same.png"))
    }
    return (folder, try ImageFolder(root: folder.file("train")))
  }

  @Test("A list of file names gives their places; what fits no image is told by its line")
  func listed() throws {
    let (folder, images) = try folder()
    func list(_ text: String) throws -> [String] {
      try AtomicFile.write(text: text, to: folder.file("list.txt"))
      return try images.listed(in: folder.file("list.txt")).map { images.relativePath($0) }
    }
    #expect(
      try list("b_3.png\n\na/a_0.png\r\n b/same.png \n") == [
        "a/a_0.png", "b/b_3.png", "b/same.png",
      ])
    for (text, part) in [
      ("a_0.png\nc.png", "line 2 names 'c.png'"), ("same.png", "several"),
      ("a_0.png\nb_0.png\na/a_0.png", "line 3 names the image of line 1 again"),
      ("\n", "names no image"),
    ] {
      let error = try #require(throws: FileError.self) { try list(text) }
      #expect("\(error)".contains(part), "\(error)")
    }
  }

  @Test("A draw has so many of every class, another seed has others, and the same the same")
  func drawn() throws {
    let (_, images) = try folder()
    let all = Array(0..<images.count)
    let first = try images.drawn(2, of: all, seed: 0)
    #expect(first == first.sorted() && Set(first).count == 4)
    #expect(first.count { images.labels[$0] == 0 } == 2)
    #expect(try images.drawn(2, of: all, seed: 0) == first)
    #expect(Set(try (0..<8).map { try images.drawn(2, of: all, seed: $0) }).count > 2)
    // One shot more keeps those of before.
    #expect(Set(try images.drawn(3, of: all, seed: 0)).isSuperset(of: first))
    let error = try #require(throws: DatasetError.self) {
      try images.drawn(6, of: all, seed: 0)
    }
    #expect(error.description.contains("train/a: has 5 images to draw 6 from"))
  }
}
