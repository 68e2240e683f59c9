import FileSupport
import Foundation
import Harness
import Runs
import TestSupport
import Testing
import Training

@Suite("Run directory", .timeLimit(.minutes(5)))
struct RunDirectoryTests {
  private let rows: [JSONValue] = (0..<5).map { index in
    .object([
      "index": .integer(index), "big": .integer(.max - index),
      "score": .number(1e-7 * Double(index)), "name": .string("a\n\"\u{1F9A2}"),
    ])
  }

  @Test("Rows read back in order, from the run and without its lock")
  func roundTrip() throws {
    let folder = try TemporaryDirectory()
    let run = try RunDirectory(path: folder.file("runs/a"))
    try run.append(Array(rows[..<2]), to: "records.jsonl")
    try run.append(Array(rows[2...]), to: "records.jsonl")
    try run.synchronize("records.jsonl")
    #expect(try run.rows("records.jsonl").map { $0.text() } == rows.map { $0.text() })
    #expect(try RunDirectory.rows(run.path + "/records.jsonl").count == 5)
    #expect(try run.rows("none.jsonl").isEmpty)
  }

  @Test("Cut anywhere, the file keeps its whole lines and goes on after them")
  func torn() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("records.jsonl")
    do {
      let run = try RunDirectory(path: folder.path)
      try run.append(rows, to: "records.jsonl")
    }
    let whole = try FileBytes.read(path)
    for length in 0..<whole.count {
      try AtomicFile.write(whole[..<length], to: path)
      let lineCount = whole[..<length].count { $0 == UInt8(ascii: "\n") }
      let run = try RunDirectory(path: folder.path)
      #expect(try run.rows("records.jsonl").count == lineCount)
      try run.append(Array(rows[lineCount...]), to: "records.jsonl")
      #expect(try FileBytes.read(path) == whole, "cut to \(length)")
    }
  }

  @Test("A flipped bit in the last line drops it; before other lines it is an error")
  func damaged() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("records.jsonl")
    do {
      let run = try RunDirectory(path: folder.path)
      try run.append(rows, to: "records.jsonl")
    }
    let whole = try FileBytes.read(path)
    let lastStart = try #require(whole.dropLast().lastIndex(of: UInt8(ascii: "\n"))) + 1
    for at in stride(from: 0, to: whole.count - 1, by: 7) {
      var bytes = whole
      bytes[at] ^= 0x04
      try AtomicFile.write(bytes, to: path)
      if at >= lastStart {
        #expect(try RunDirectory.rows(path).count == 4, "byte \(at)")
      } else {
        let error = #expect(throws: FileError.self) { try RunDirectory.rows(path) }
        #expect(error?.problem.hasSuffix("is damaged, but lines follow it") == true, "byte \(at)")
        let run = try RunDirectory(path: folder.path)
        #expect(throws: FileError.self) { try run.append(rows, to: "records.jsonl") }
        #expect(try FileBytes.read(path) == bytes)
      }
    }
  }

  @Test("A second run in the folder is refused until the first ends")
  func lock() throws {
    let folder = try TemporaryDirectory()
    do {
      let first = try RunDirectory(path: folder.path)
      let error = #expect(throws: FileError.self) { try RunDirectory(path: folder.path) }
      #expect(
        error?.description
          == "\(folder.path): is in use by another process; wait for it or stop it.")
      #expect(error?.exitCode == .cannotWrite)
      withExtendedLifetime(first) {}
    }
    _ = try RunDirectory(path: folder.path)
  }

  @Test("A file in the folder's place is named")
  func fileInTheWay() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: "x", to: folder.file("a"))
    let error = #expect(throws: FileError.self) { try RunDirectory(path: folder.file("a")) }
    #expect(error?.problem == "is a file where a folder is needed")
  }

  @Test("A killed process leaves whole rows, no lock and nothing written aside")
  func killed() async throws {
    let folder = try TemporaryDirectory()
    let path = folder.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let run = try RunDirectory(path: path)
      try run.write(.object(["a": .integer(1)]), to: "protocol.json")
      for index in 0..<100 { try run.append([.integer(index)], to: "records.jsonl") }
      try AtomicFile.write(to: path + "/result.json") {
        (writer: inout AtomicFile.Writer) throws(FileError) in
        try writer.append(Array("{\"half\":".utf8))
        kill(getpid(), SIGKILL)
      }
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: path).contains {
        $0.hasPrefix("result.json.partial-")
      })
    let run = try RunDirectory(path: path)
    #expect(try run.rows("records.jsonl") == (0..<100).map { .integer($0) })
    #expect(run.read("protocol.json")?["a"] == .integer(1))
    #expect(run.read("result.json") == nil)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        == [".lock", "protocol.json", "records.jsonl"])
  }

  @Test("Starting anew empties a file of lines, and documents have the same bytes each time")
  func restart() throws {
    let folder = try TemporaryDirectory()
    let run = try RunDirectory(path: folder.path)
    try run.append(rows, to: "events.jsonl")
    try run.restart("events.jsonl")
    try run.append([rows[0]], to: "events.jsonl")
    #expect(try run.rows("events.jsonl").count == 1)
    try run.write(.array(rows), to: "a.json")
    try run.write(.array(rows), to: "b.json")
    #expect(try FileBytes.read(folder.file("a.json")) == FileBytes.read(folder.file("b.json")))
  }
}
