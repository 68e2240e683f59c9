import Foundation
import TestSupport
import Testing

@testable import FileSupport

@Suite("Supplied files")
struct SuppliedFilesTests {
  @Test("What the working folder lacks is found beside the program, also through a link")
  func places() throws {
    let folder = try TemporaryDirectory()
    let name = "reports/\(UUID().uuidString)/figures.json"
    let program = folder.file("bench-report")
    #expect(SuppliedFiles.path(name, beside: program) == name)
    try AtomicFile.write(text: "{}", to: folder.file(name))
    #expect(SuppliedFiles.path(name, beside: program) == folder.file(name))
    try AtomicFile.write(text: "", to: program)
    let other = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(
      atPath: other.file("bench-report"), withDestinationPath: program)
    let linked = SuppliedFiles.path(name, beside: other.file("bench-report"))
    #expect(FileManager.default.fileExists(atPath: linked))
    #expect(SuppliedFiles.path(name, beside: nil) == name)
    #expect(SuppliedFiles.path(folder.file(name), beside: program) == folder.file(name))
  }
}
