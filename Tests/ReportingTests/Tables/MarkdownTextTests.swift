import Foundation
import TestSupport
import Testing

@testable import Reporting

@Suite("Text in Markdown")
struct MarkdownTextTests {
  @Test(
    "What would be markup is shown as it is",
    arguments: [
      ("</script><b>x</b>", #"\</script>\<b>x\</b>"#), ("*bold*", #"\*bold\*"#),
      ("_x_", #"\_x\_"#), ("`code`", #"\`code\`"#), ("~~x~~", #"\~\~x\~\~"#),
      ("[link](http://x)", #"[link\](http://x)"#), ("![i](x)", #"![i\](x)"#), ("&lt;", #"\&lt;"#),
      ("a\\*b", #"a\\*b"#), ("# x", ##"\# x"##), ("> x", #"\> x"#), ("- x", #"\- x"#),
      ("[x]: y", #"\[x]: y"#), ("one\n\n# two", "one # two"),
    ])
  func markup(text: String, shown: String) {
    #expect(MarkdownText.escaped(text) == shown)
  }

  @Test(
    "Ordinary text stays byte for byte",
    arguments: [
      "MoBY", "swin_t", "a_b_c-1.0, (x) / 50 % ±", "75.3 [72.5, 77.9]", "p <0.0001", "a & b",
      "2 * 3 * 4",
      "best epoch*", "* the best epoch", "--margin", "−20.00", "#1", "\\alpha", "日本語 émoji",
      "a < b",
    ])
  func ordinary(text: String) {
    #expect(MarkdownText.escaped(text) == text)
    #expect(MarkdownText.escaped(text, isCell: true) == text)
  }

  @Test("Cells keep their columns and the mark of published numbers; a star closes no caption")
  func places() {
    #expect(MarkdownText.escaped("a|b", isCell: true) == "a\\|b")
    #expect(MarkdownText.escaped("a|b") == "a|b")
    let cell = "75.3 *published* (unverified)"
    #expect(MarkdownText.escaped(cell, isCell: true) == cell)
    #expect(MarkdownText.escaped("a* b", isBold: true) == "a\\* b")
  }

  @Test("Lines of the reports that are kept would be written as they stand")
  func kept() throws {
    let folder = SourceTree.root.appendingPathComponent("reports")
    for name in ["examples/comparison/report.md", "examples/pretraining/table.md"] {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      for line in text.split(separator: "\n") where !line.hasPrefix("**") {
        let isCell = line.hasPrefix("|")
        let parts =
          isCell
          ? line.split(separator: "|").map(String.init)
          : [line.hasPrefix("- ") ? String(line.dropFirst(2)) : String(line)]
        for part in parts where !part.hasPrefix("#") {
          #expect(MarkdownText.escaped(part, isCell: isCell) == part, "\(name)")
        }
      }
    }
  }
}
