import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Harness

/// The commands of the pages that users copy from.
@Suite("Documented commands", .serialized, .timeLimit(.minutes(10)))
struct DocumentedCommandTests {
  private static func pages() throws -> [String] {
    let manager = FileManager.default
    let docs = try manager.contentsOfDirectory(atPath: SourceTree.path("docs"))
      .filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }
    let programs = try manager.contentsOfDirectory(atPath: SourceTree.path("Benchmarks"))
      .map { "Benchmarks/\($0)/README.md" }
      .filter { manager.fileExists(atPath: SourceTree.path($0)) }
    return ["README.md", "CONTRIBUTING.md"] + (docs + programs).sorted()
  }

  /// The commands of a page, joined where a line ends in a backslash, without comments.
  private static func commands(of page: String) throws -> [String] {
    var found: [String] = []
    var open: String?
    for line in try SourceTree.lines(of: page) {
      let text = line.trimmingCharacters(in: .whitespaces)
      guard open != nil || text.hasPrefix("swift run bench-") else { continue }
      let whole = (open ?? "") + text
      if whole.hasSuffix("\\") {
        open = String(whole.dropLast())
        continue
      }
      open = nil
      found.append(whole.components(separatedBy: " # ")[0])
    }
    return found
  }

  /// The words of a command after `swift run`; quotes keep spaces together.
  private static func words(_ command: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isQuoted = false
    for letter in command + " " {
      if letter == "'" || letter == "\"" {
        isQuoted.toggle()
      } else if letter == " ", !isQuoted {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(letter)
      }
    }
    return Array(words.dropFirst(2))
  }

  @Test("Every command that a page shows is understood by its program")
  func understood() throws {
    let manifest = try SourceTree.lines(of: "Package.swift").joined(separator: "\n")
    var count = 0
    for page in try Self.pages() {
      for command in try Self.commands(of: page) {
        var words = Self.words(command)
        // The command that is meant without a name has one, too.
        if words.count > 1, ["run", "build"].contains(words[1]) { words.remove(at: 1) }
        let trial = CommandTrial.all.filter { trial in
          words.starts(with: trial.name.split(separator: " ").map(String.init))
        }.max { $0.name.count < $1.name.count }
        guard let trial else {
          // Lists its commands, or takes its arguments in another way.
          #expect(manifest.contains("\"\(words[0])\""), "\(page): \(command)")
          continue
        }
        let arguments = words.dropFirst(trial.name.split(separator: " ").count)
        #expect(throws: Never.self, "\(page): \(command)") {
          _ = try trial.run(Array(arguments))
        }
        count += 1
      }
    }
    #expect(count > 60)
  }

  @Test("The framed commands of the tour do what it says")
  func tour() throws {
    var blocks: [String] = []
    var isOpen = false
    for line in try SourceTree.lines(of: "docs/tour.md") {
      if line == "```sh" {
        isOpen = true
      } else if line == "```" {
        isOpen = false
      } else if isOpen {
        blocks.append(String(line))
      }
    }
    #expect(blocks.count > 10)
    let folder = try TemporaryDirectory()
    let programs = SourceTree.path(".build/debug")
    // What a page calls `swift run` is here the program beside this test.
    let script = """
      set -eu
      swift() { shift; program=$1; shift; '\(programs)'/"$program" "$@"; }
      \(blocks.joined(separator: "\n"))
      """
    try AtomicFile.write(text: script, to: folder.file("tour.sh"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["tour.sh"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let log = folder.file("log")
    try Data().write(to: URL(fileURLWithPath: log))
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
    process.standardError = process.standardOutput
    try process.run()
    process.waitUntilExit()
    let said = try String(contentsOfFile: log, encoding: .utf8)
    #expect(process.terminationStatus == 0, "\(said.suffix(2000))")
    for part in [
      "Average Precision", "duplicate", "top-1", "forecast:", "boxes.png: 4 images",
      "labels.png: 2 images", "minus that of try/other.json",
    ] {
      #expect(said.contains(part), "the tour never says \(part)")
    }
    for file in [
      "comparison/report.html", "boxes.png", "labels.png", "views.png", "truth.json", "mine.pth",
    ] {
      #expect(FileManager.default.fileExists(atPath: folder.file("try/" + file)), "\(file)")
    }
  }

  @Test("Every picture and page that a page shows is there")
  func links() throws {
    for page in try Self.pages() {
      let folder = (page as NSString).deletingLastPathComponent
      for line in try SourceTree.lines(of: page) {
        for match in line.matches(of: #/\]\(([^)#]+)\)/#) where !match.output.1.contains("://") {
          let target = (folder as NSString).appendingPathComponent(String(match.output.1))
          #expect(
            FileManager.default.fileExists(atPath: SourceTree.path(target)), "\(page): \(target)")
        }
      }
    }
  }
}
