import FileSupport
import Foundation
import TestSupport
import Testing

@testable import CommandLine

@Suite("Completions", .timeLimit(.minutes(5)))
struct CompletionTests {
  private static let shapes = SmithyOptions.table.shapes
  private static let forge = Completion(
    program: "bench-forge",
    commands: [
      ("make", "Makes iron; the 'default'.", shapes), ("check", "Checks iron.", shapes.dropLast(5)),
    ], standard: "make")

  @Test(
    "Every option of every command stands in every script", arguments: Completion.Shell.allCases)
  func options(shell: Completion.Shell) {
    let script = Self.forge.script(shell)
    for shape in Self.shapes where !shape.isPositional {
      let flag = shell == .fish ? "-l \(shape.name) " : "--\(shape.name)"
      #expect(script.contains(flag), "\(shape.name)")
    }
    for word in ["make", "check", "smoke mini full", "help-all", "bash zsh fish"] {
      #expect(script.contains(word), "\(word)")
    }
  }

  /// What bash offers after some words, the last of which is being typed.
  private func offered(_ completion: Completion, _ words: [String]) throws -> [String] {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: completion.script(.bash) + "\n", to: folder.file("script"))
    let list = words.map { "'\($0)'" }.joined(separator: " ")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.arguments = [
      "-c",
      """
      source ./script
      COMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1)
      _\(words[0].replacing("-", with: "_"))
      printf '%s\\n' "${COMPREPLY[@]}"
      """,
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("bash offers commands, their options, the values of an option, and files")
  func bash() throws {
    let forge = Self.forge
    #expect(try offered(forge, ["bench-forge", "ch"]) == ["check"])
    #expect(try offered(forge, ["bench-forge", "--see"]) == ["--seeds"])
    #expect(
      try offered(forge, ["bench-forge", "make", "--no-c"]) == ["--no-cached", "--no-check"])
    #expect(try offered(forge, ["bench-forge", "check", "--seeds"]) == [])
    #expect(try offered(forge, ["bench-forge", "check", "--preset", "m"]) == ["mini"])
    #expect(try offered(forge, ["bench-forge", "--preset", "=", "s"]) == ["smoke"])
    #expect(
      try offered(forge, ["bench-forge", "--completions", ""]) == ["bash", "zsh", "fish"])
    #expect(try offered(forge, ["bench-forge", "make", "--weights", "scr"]) == ["script"])
    let single = Completion(program: "bench-smithy", shapes: Self.shapes)
    #expect(try offered(single, ["bench-smithy", "--wei"]) == ["--weights"])
    #expect(try offered(single, ["bench-smithy", "--preset", "f"]) == ["full"])
  }
}
