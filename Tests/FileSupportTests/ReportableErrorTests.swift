import FileSupport
import Testing

@Suite("Sentences of errors")
struct ReportableErrorTests {
  private func sentence(_ problem: String) -> String {
    FileError(path: "a.pth", problem: problem, remedy: "copy it again", exitCode: .badData).sentence
  }

  @Test("What can be read stays as it is")
  func plain() {
    #expect(sentence("holds 'é' — twice") == "a.pth: holds 'é' — twice; copy it again.")
  }

  @Test("Line ends and escapes of terminals in names are spelled out")
  func control() {
    #expect(
      sentence("holds 'x\ny\u{1B}[2J\u{2028}\u{85}'")
        == "a.pth: holds 'x\\u{a}y\\u{1b}[2J\\u{2028}\\u{85}'; copy it again.")
  }

  @Test("A name of megabytes leaves the file and the remedy to be read")
  func long() {
    let text = sentence("holds '" + String(repeating: "long ", count: 400_000) + "'")
    #expect(text.count < 1600 && text.contains(" … "))
    #expect(sentence(String(repeating: "\n", count: 5000)).count < 1600)
    #expect(text.hasPrefix("a.pth: holds 'long long") && text.hasSuffix("long '; copy it again."))
  }
}
