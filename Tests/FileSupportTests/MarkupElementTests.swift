import FileSupport
import Testing

@Suite("XML documents")
struct MarkupElementTests {
  private func read(_ text: String) throws(DatasetError) -> MarkupElement {
    try MarkupElement(Array(text.utf8), path: "a.xml")
  }

  private func message(_ text: String) -> String {
    do {
      _ = try read(text)
      return ""
    } catch { return "\(error)" }
  }

  @Test("Elements, texts and XML's own entities are read")
  func elements() throws {
    let root = try read(
      "<?xml version='1.0'?><!-- made by hand --><a><b> x &amp; y\n</b><b/><c><d>1</d></c></a>")
    #expect(root.name == "a" && root.children.map(\.name) == ["b", "b", "c"])
    #expect(root["b"]?.text == "x & y" && root["c"]?["d"]?.text == "1" && root["e"] == nil)
    #expect(try read("<a><![CDATA[<raw>]]></a>").text == "<raw>")
  }

  @Test("Broken documents are refused with their line")
  func broken() {
    #expect(
      message("<a>\n<b></a>") == "a.xml: is no well-formed XML (line 2); write the file again.")
    for text in ["", "no markup", "<a>", "<a/><b/>", "{\"a\": 1}"] {
      #expect(message(text).contains("XML"), "\(text)")
    }
  }

  @Test("Nothing is expanded or fetched: document types and entities are refused")
  func entities() {
    let bomb =
      "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;&x;\">]><a>&y;</a>"
    #expect(message(bomb).contains("declares a document type"))
    let fetched = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"
    #expect(message(fetched).contains("declares a document type"))
    #expect(message("<a>&unknown;</a>") != "")
  }

  @Test("Depth and number of elements are bounded")
  func bounds() {
    let deep = String(repeating: "<a>", count: 200) + String(repeating: "</a>", count: 200)
    #expect(message(deep).contains("beyond all annotations"))
    let wide = "<a>" + String(repeating: "<b/>", count: 100_001) + "</a>"
    #expect(message(wide).contains("beyond all annotations"))
  }
}
