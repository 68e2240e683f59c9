import Foundation
import TestSupport
import Testing

/// The list of imports in `ARCHITECTURE.md` against the imports in `Sources`.
@Suite("Imports")
struct ImportTests {
  /// What each target may import, by the block of the text that starts with ```` ```imports ````.
  private func allowed() throws -> [String: Set<String>] {
    let text = try String(
      contentsOf: SourceTree.root.appendingPathComponent("ARCHITECTURE.md"), encoding: .utf8)
    let blocks = text.components(separatedBy: "```imports\n").dropFirst()
    try #require(blocks.count == 1, "ARCHITECTURE.md has \(blocks.count) blocks of imports")
    let block = try #require(blocks.first?.components(separatedBy: "```").first)
    var targets: [String: Set<String>] = [:]
    for line in block.split(separator: "\n") {
      let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      try #require(halves.count == 2, "not 'Target: A B': \(line)")
      let target = String(halves[0])
      #expect(targets[target] == nil, "\(target) stands twice")
      targets[target] = Set(halves[1].split(separator: " ").map(String.init))
    }
    return targets
  }

  /// What each target imports of the others, and the files that export what they import.
  private func found() throws -> (imports: [String: Set<String>], exporting: [String]) {
    let names = try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("Sources"))
    var imports = Dictionary(uniqueKeysWithValues: names.map { ($0, Set<String>()) })
    var exporting: [String] = []
    let statement = Self.statement
    for name in names {
      for file in try SourceTree.files(under: "Sources/" + name) where file.hasSuffix(".swift") {
        for line in try SourceTree.lines(of: file) where line.contains("import ") {
          if line.contains("@_exported") { exporting.append(file) }
          guard let match = line.prefixMatch(of: statement) else { continue }
          let module = String(match.output.1)
          if module != name, imports[module] != nil { imports[name, default: []].insert(module) }
        }
      }
    }
    return (imports, exporting)
  }

  /// An import, perhaps with attributes, an access level or a kind of declaration before the name.
  private static var statement: Regex<(Substring, Substring)> {
    #/
    \s*(?:@\w+(?:\([^)]*\))?\s+)*
    (?:(?:public|package|internal|fileprivate|private)\s+)?
    import\s+
    (?:(?:struct|class|enum|protocol|typealias|func|var|let)\s+)?
    (\w+)
    /#
  }

  @Test("The statements that are read are those that the compiler reads")
  func statements() {
    for line in [
      "import Models", "  @testable import Models", "public import Models",
      "@preconcurrency import struct Models.Detector",
    ] {
      #expect(line.prefixMatch(of: Self.statement)?.output.1 == "Models", "\(line)")
    }
    #expect("// import Models".prefixMatch(of: Self.statement) == nil)
  }

  @Test("Every target imports exactly what the picture says")
  func picture() throws {
    let allowed = try self.allowed()
    let found = try self.found()
    #expect(found.imports.count > 15 && found.imports.values.contains { $0.count > 5 })
    #expect(found.exporting.isEmpty, "imports are not passed on")
    #expect(Set(allowed.keys) == Set(found.imports.keys), "a line for each target, no more")
    for (target, imports) in found.imports {
      let listed = allowed[target] ?? []
      #expect(
        imports.subtracting(listed).isEmpty, "\(target) imports what its line does not list")
      #expect(listed.subtracting(imports).isEmpty, "\(target) never imports what its line lists")
    }
  }
}
