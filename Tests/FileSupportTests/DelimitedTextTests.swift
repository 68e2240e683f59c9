import FileSupport
import Testing

@Suite("Delimited text")
struct DelimitedTextTests {
  private func rows(_ text: String) throws -> [[String]] {
    try DelimitedText.rows(Array(text.utf8), path: "x.csv").map(\.fields)
  }

  @Test("Commas, tabs, quotes and line ends are read as they are written")
  func forms() throws {
    #expect(try rows("a,b\n1,2\n") == [["a", "b"], ["1", "2"]])
    #expect(try rows("a\tb\r\n1,5\t2") == [["a", "b"], ["1,5", "2"]])
    #expect(
      try rows("a,b\n\"x, \"\"y\"\"\n z\",2\n\n3,\n") == [
        ["a", "b"], ["x, \"y\"\n z", "2"], ["3", ""],
      ])
    #expect(try rows("") == [])
    // As spreadsheets write where the comma is the decimal sign, and as old Macs end lines.
    #expect(try rows("a;b\n1,5;2\n") == [["a", "b"], ["1,5", "2"]])
    #expect(try rows("a,b\r1;2,3\r") == [["a", "b"], ["1;2", "3"]])
    #expect(try rows("a,b\r\n\"x\r\",2\r\n") == [["a", "b"], ["x\r", "2"]])
  }

  @Test("Lines are counted through quoted line ends, and an open quote is named")
  func lines() throws {
    let read = try DelimitedText.rows(Array("a\n\"b\nc\"\nd\n".utf8), path: "x.csv")
    #expect(read.map(\.line) == [1, 2, 4])
    #expect {
      try DelimitedText.rows(Array("a,b\n\"c,1\n".utf8), path: "x.csv")
    } throws: { "\($0)".contains("x.csv: has a quote in line 2 that is not closed") }
  }
}
