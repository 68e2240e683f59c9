import Foundation
import TestSupport
import Testing

/// The first page of a library's documentation, against what the library declares.
@Suite("Landing pages")
struct LandingPageTests {
  /// The libraries that someone would import.
  static let libraries = [
    "CocoFormat", "Evaluation", "Geometry", "Layers", "Loading", "Models", "Reporting",
    "TensorCore", "Training", "VisionData",
  ]

  @Test("Every name on the page is public in the library", arguments: libraries)
  func names(library: String) throws {
    let page = try SourceTree.lines(of: "Sources/\(library)/\(library).docc/\(library).md")
    let declaration = #/^\s*public (?:final )?(?:struct|class|enum|protocol|func) (\w+)/#
    var known: Set<String> = [library]
    for file in try SourceTree.files(under: "Sources/" + library) where file.hasSuffix(".swift") {
      for line in try SourceTree.lines(of: file) {
        if let match = line.prefixMatch(of: declaration) { known.insert(String(match.output.1)) }
      }
    }
    let named = page.flatMap { line in
      line.matches(of: #/``(\w+)[^`]*``/#).map { String($0.output.1) }
    }
    #expect(named.count > 4)
    for name in named { #expect(known.contains(name), "\(library) has no public \(name)") }
  }
}
