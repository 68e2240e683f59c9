import Foundation
import TestSupport
import Testing

/// The file that holds all programs of a release.
@Suite("Release")
struct ReleaseTests {
  @Test("It knows every program that the package declares")
  func programs() throws {
    func names(_ file: String, _ pattern: Regex<(Substring, Substring)>) throws -> Set<String> {
      let text = try SourceTree.lines(of: file).joined(separator: "\n")
      return Set(text.matches(of: pattern).map { String($0.output.1) })
    }
    let declared = try names("Package.swift", #/benchmark\(\s*"(bench-\w+)"/#)
    #expect(declared.count > 5)
    #expect(try names("Benchmarks/Release/Programs.swift", #/"(bench-\w+)"/#) == declared)
  }
}
