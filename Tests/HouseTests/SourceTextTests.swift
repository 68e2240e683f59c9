import Foundation
import TestSupport
import Testing

/// What the linter cannot see.
@Suite("Source text")
struct SourceTextTests {
  private func sources() throws -> [String] {
    let files = try ["Sources", "Benchmarks"].flatMap(SourceTree.files(under:))
    let kinds = [".swift", ".c", ".h"]
    return files.filter { file in kinds.contains { file.hasSuffix($0) } }
  }

  @Test("No file is longer than 500 lines")
  func length() throws {
    let files = try sources()
    #expect(files.count > 100)
    for file in files {
      let count = try SourceTree.lines(of: file).count
      #expect(count <= 500, "\(file) has \(count) lines")
    }
  }

  @Test("Nothing is left to do, and nothing stops the program where an error could be told")
  func words() throws {
    let forbidden = ["TODO", "FIXME", "try!", "as!", "fatalError("]
    for file in try sources() {
      for (index, line) in try SourceTree.lines(of: file).enumerated() {
        for word in forbidden {
          #expect(!line.contains(word), "\(file):\(index + 1) says \(word)")
        }
      }
    }
  }

  @Test("Every library has its folder of tests")
  func testTargets() throws {
    let manager = FileManager.default
    let libraries = try manager.contentsOfDirectory(atPath: SourceTree.path("Sources"))
    for library in libraries {
      // C is tested through the Swift libraries that call it.
      let sources = try SourceTree.files(under: "Sources/" + library)
      guard sources.contains(where: { $0.hasSuffix(".swift") }) else { continue }
      let files = try? SourceTree.files(under: "Tests/\(library)Tests")
      #expect(files?.contains { $0.hasSuffix("Tests.swift") } == true, "\(library) has no tests")
    }
  }
}
