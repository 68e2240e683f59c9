import CommandLine
import FileSupport
import Foundation
import Harness
import TestSupport
import Testing

/// The test runner starts processes with all signals held back.
private func receiveSignals() {
  var all = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_UNBLOCK, &all, nil)
}

/// What a whole process prints and how it ends.
///
/// Each body runs in a process of its own.
@Suite("Command as a process", .timeLimit(.minutes(5)))
struct CommandProcessTests {
  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("A wrong command line is answered in three lines with status 64")
  func usage() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(64),
      observing: [\.standardErrorContent, \.standardOutputContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--wieghts", "a"]) { _ in .success }
    }
    #expect(
      Self.text(result.standardErrorContent) == """
        Error: unknown option '--wieghts'. Did you mean '--weights'?
        Usage: bench-smithy --weights <file> <folder> [options]
        See 'swift run bench-smithy --help'.

        """)
    #expect(!Self.text(result.standardOutputContent).contains("Error"))
  }

  @Test("A body's status is the program's, and its results go to stdout")
  func status() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(1), observing: [\.standardOutputContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { parsed in
        Console.output("weights \(parsed.options.weights)")
        return .gateFailed
      }
    }
    #expect(Self.text(result.standardOutputContent).contains("weights a\n"))
  }

  @Test("A failure of a file ends with its own status and one sentence")
  func failure() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(66), observing: [\.standardErrorContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in
        _ = try FileBytes.read("no/such/file")
        return .success
      }
    }
    #expect(
      Self.text(result.standardErrorContent)
        == "Error: no/such/file: does not exist; check the path.\n")
  }

  @Test("Any other error is one sentence and status 70")
  func foreignError() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(70), observing: [\.standardErrorContent]
    ) {
      struct Odd: Error, CustomStringConvertible { var description: String { "the anvil broke." } }
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in throw Odd() }
    }
    #expect(Self.text(result.standardErrorContent) == "Error: the anvil broke.\n")
  }

  @Test("Help and version go to stdout with status 0, also beside mistakes")
  func help() async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--nonsense", "--help"]) { _ in .gateFailed }
    }
    #expect(Self.text(result.standardOutputContent).contains("Measure how well a backbone forges."))
    let version = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--version"]) { _ in .gateFailed }
    }
    #expect(Self.text(version.standardOutputContent).contains("swinbench \(Command.version)\n"))
  }

  @Test("The first interruption is seen by the loop and ends with status 130")
  func interruption() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(130), observing: [\.standardErrorContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in
        try Interruption.check()
        receiveSignals()
        raise(SIGTERM)
        guard Interruption.isRequested else { return .success }
        try Interruption.check()
        return .success
      }
    }
    #expect(Self.text(result.standardErrorContent).hasPrefix("Error: interrupted;"))
  }

  @Test("The second interruption ends a loop that does not look")
  func secondInterruption() async throws {
    await #expect(processExitsWith: .exitCode(130)) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in
        receiveSignals()
        raise(SIGINT)
        raise(SIGINT)
        return .success
      }
    }
  }

  @Test("A reader that closes the pipe ends the program quietly")
  func closedPipe() async throws {
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardErrorContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        dup2(ends[1], STDOUT_FILENO)
        close(ends[0])
        Console.output("nobody reads this")
        return .gateFailed
      }
    }
    // Marks of the test runner may remain around what the program wrote.
    #expect(!Self.text(result.standardErrorContent).contains("Error"))
  }

  @Test("Results that cannot be written are an error", .needsFullDevice)
  func fullOutput() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(73), observing: [\.standardErrorContent]
    ) {
      Command.run(SmithyOptions.self, arguments: ["--weights", "a", "forge"]) { _ in
        let full = open("/dev/full", O_WRONLY)
        dup2(full, STDOUT_FILENO)
        Console.output("a table")
        return .success
      }
    }
    #expect(
      Self.text(result.standardErrorContent).hasPrefix("Error: standard output: No space left"))
  }

  @Test("The first word chooses a command and the rest are its arguments")
  func subcommand() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(1), observing: [\.standardOutputContent]
    ) {
      Command.run(
        "bench-forge", summary: "Forge.",
        commands: [
          Subcommand("make", "Makes.", SmithyOptions.self) { _ in exit(3) },
          Subcommand("check", "Checks.", SmithyOptions.self) { parsed in
            Console.output("\(parsed.options.folder) of \(parsed.options.weights)")
            return .gateFailed
          },
        ], examples: [], arguments: ["check", "--weights", "a", "x"])
    }
    #expect(Self.text(result.standardOutputContent).contains("x of a\n"))
  }

  @Test("No word lists the commands, a wrong one is answered in three lines")
  func commandList() async throws {
    let listed = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) {
      Command.run(
        "bench-forge", summary: "Forge.",
        commands: [
          Subcommand("make", "Makes iron.", SmithyOptions.self) { _ in exit(3) },
          Subcommand("check", "Checks iron.", SmithyOptions.self) { _ in exit(3) },
        ], examples: ["swift run bench-forge make"], arguments: [])
    }
    #expect(
      Self.text(listed.standardOutputContent).contains(
        """
        Forge.

        Usage: bench-forge <command> [options]

        Commands:
          make   Makes iron.
          check  Checks iron.

        Examples:
          swift run bench-forge make

        See 'swift run bench-forge <command> --help' for the options of one.

        """))
    let wrong = try await #require(
      processExitsWith: .exitCode(64), observing: [\.standardErrorContent]
    ) {
      Command.run(
        "bench-forge", summary: "Forge.",
        commands: [Subcommand("make", "Makes iron.", SmithyOptions.self) { _ in exit(3) }],
        examples: [],
        arguments: ["amke"])
    }
    #expect(
      Self.text(wrong.standardErrorContent) == """
        Error: unknown command 'amke'. Did you mean 'make'?
        Usage: bench-forge <command> [options]
        See 'swift run bench-forge --help'.

        """)
  }

  /// A program of two commands, of which one needs no name.
  private static func forge(_ arguments: [String]) -> Never {
    Command.run(
      "bench-forge", summary: "Forge.",
      commands: [
        Subcommand("make", "Makes iron; the default.", SmithyOptions.self) { parsed in
          Console.output("made \(parsed.options.folder)")
          return .success
        },
        Subcommand("check", "Checks iron.", SmithyOptions.self) { _ in .gateFailed },
      ], standard: "make", examples: ["swift run bench-forge check --weights a.pth"],
      arguments: arguments)
  }

  @Test("Options alone are the standard command's, and its help names the others")
  func standardCommand() async throws {
    let made = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { CommandProcessTests.forge(["--weights", "a", "iron"]) }
    #expect(Self.text(made.standardOutputContent).contains("made iron\n"))
    let help = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { CommandProcessTests.forge(["--help"]) }
    #expect(
      Self.text(help.standardOutputContent).contains(
        """
        Start with:
          swift run bench-smithy --weights a.pth forge --preset smoke
          swift run bench-forge check --weights a.pth

        First options:
        """))
    #expect(Self.text(help.standardOutputContent).contains("\n  check  Checks iron.\n"))
    #expect(!Self.text(help.standardOutputContent).contains("--bellows"))
    let all = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { CommandProcessTests.forge(["--help-all"]) }
    #expect(Self.text(all.standardOutputContent).contains("--bellows"))
  }

  @Test("Completions are printed for the shells that there are")
  func completions() async throws {
    let script = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { CommandProcessTests.forge(["--completions=fish"]) }
    #expect(Self.text(script.standardOutputContent).contains("complete -c bench-forge"))
    let wrong = try await #require(
      processExitsWith: .exitCode(64), observing: [\.standardErrorContent]
    ) { CommandProcessTests.forge(["--completions", "tcsh"]) }
    #expect(
      Self.text(wrong.standardErrorContent).hasPrefix(
        "Error: option '--completions' got 'tcsh', but must be one of bash, zsh, fish.\n"))
  }

  @Test("A program hears its arguments where /proc is not mounted")
  func withoutProc() throws {
    let folder = try TemporaryDirectory()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let program = SourceTree.root.path + "/.build/debug/bench-data"
    process.arguments = [
      "unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
      "mount -t tmpfs none /proc && echo mounted && exec \"$0\" --version", program,
    ]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = Pipe()
    receiveSignals()
    try process.run()
    let text = Self.text(Array(output.fileHandleForReading.readDataToEndOfFile()))
    process.waitUntilExit()
    // Not every machine lets a user mount.
    guard text.hasPrefix("mounted") else {
      print("skipped: no folder may be mounted here")
      return
    }
    #expect(text == "mounted\nswinbench \(Command.version)\n")
  }
}
