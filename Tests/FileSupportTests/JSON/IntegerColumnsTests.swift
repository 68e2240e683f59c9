import FileSupport
import TestSupport
import Testing

@Suite("Columns of record lines", .timeLimit(.minutes(5)))
struct IntegerColumnsTests {
  private func columns(_ lines: String, _ names: [String]) throws -> [[Int]] {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: lines, to: folder.file("r.jsonl"))
    return try IntegerColumns(path: folder.file("r.jsonl"), names: names).columns
  }

  @Test("Members are found in any order, beside texts, lists and objects")
  func members() throws {
    let rows: [JSONValue] = [
      .object([
        "index": .integer(7), "name": .string("a,\"b\\{\"), index:"), "top5": .array([.integer(3)]),
        "deep": .object(["index": .integer(9), "l": .array([.array([]), .integer(1)])]),
      ]),
      .object(["index": .integer(-2), "top5": .array([]), "loss": .number(0.5)]),
      .object([:]),
    ]
    let read = try columns(rows.map(RecordLines.line).joined(), ["top5", "index", "loss"])
    let absent = IntegerColumns.absent
    #expect(read == [[3, absent, absent], [7, -2, absent], [absent, absent, absent]])
  }

  @Test("A torn last line is dropped, a damaged one before it is an error")
  func damage() throws {
    let lines = (0..<3).map { RecordLines.line(.object(["index": .integer($0)])) }
    let whole = lines.joined()
    #expect(try columns(String(whole.dropLast(4)), ["index"]) == [[0, 1]])
    let damaged = lines[0] + lines[1].replacing("1}", with: "8}") + lines[2]
    let error = #expect(throws: FileError.self) { try columns(damaged, ["index"]) }
    #expect(error?.problem == "line 2 is damaged, but lines follow it")
  }
}
