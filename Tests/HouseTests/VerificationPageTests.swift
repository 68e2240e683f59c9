import Foundation
import TestSupport
import Testing

/// `docs/verification.md` against the scripts and tests that it names.
@Suite("Verification page")
struct VerificationPageTests {
  private static let page = "docs/verification.md"

  /// Every word of the page in the form of code.
  private func named() throws -> [String] {
    try SourceTree.lines(of: Self.page).flatMap { line in
      line.matches(of: #/`([^`]+)`/#).map { String($0.output.1) }
    }
  }

  @Test("Every script that it names is kept, and every kept script is named")
  func scripts() throws {
    let kept = try SourceTree.files(under: "Tests/References").filter { $0.hasSuffix(".py") }
    let names = Set(kept.compactMap { $0.split(separator: "/").last.map(String.init) })
    #expect(names.count > 20)
    // The authors' own files are named, too.
    let foreign: Set = ["moby_linear.py"]
    var seen: Set<String> = []
    for word in try named() {
      guard let file = word.split(separator: " ").first(where: { $0.contains(".") }) else {
        continue
      }
      if file.hasSuffix(".py"), !foreign.contains(String(file)) {
        #expect(names.contains(String(file)), "\(Self.page) names \(file)")
        seen.insert(String(file))
      } else if file.hasSuffix(".sh") || file.hasSuffix(".md") {
        #expect(FileManager.default.fileExists(atPath: SourceTree.path(String(file))), "\(file)")
      }
    }
    // `fill.py` makes numbers for all of them.
    #expect(names.subtracting(seen) == ["fill.py"])
  }

  @Test("Every suite that it names exists")
  func suites() throws {
    var declared: Set<String> = []
    for file in try SourceTree.files(under: "Tests") where file.hasSuffix(".swift") {
      for line in try SourceTree.lines(of: file) {
        if let match = line.prefixMatch(of: #/(?:final )?(?:struct|class) (\w+Tests)\b/#) {
          declared.insert(String(match.output.1))
        }
      }
    }
    let suites = try named().filter { $0.wholeMatch(of: #/\w+Tests/#) != nil }
    #expect(suites.count > 20)
    for suite in suites { #expect(declared.contains(suite), "\(Self.page) names \(suite)") }
  }

  @Test("Every method that the authors' script compares is named with its command")
  func authors() throws {
    let script = try SourceTree.lines(of: "Tests/References/authors.py").joined(separator: "\n")
    let commands = try named().filter { $0.hasPrefix("authors.py ") }
    #expect(commands.count == 8)
    for command in commands { #expect(script.contains("python \(command)"), "\(command)") }
  }
}
