import FileSupport
import Foundation
import Synchronization

/// Runs a program: parsing, error text, signals and exit status are the same for all of them.
public enum Command {
  /// The version that `--version` prints.
  public static let version = "0.2.0"

  /// The command line of this process as one can type it again.
  public static var line: String {
    let words = Swift.CommandLine.arguments
    let program = (words.first.map { $0 as NSString })?.lastPathComponent ?? ""
    return ([program] + words.dropFirst().map(quoted)).joined(separator: " ")
  }

  private static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-_./=,:+@%".utf8.contains(byte)
        }
      }
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }

  /// Parses the arguments, runs `body` and ends the process with its status.
  ///
  /// - Parameters:
  ///   - options: The settings' type.
  ///   - arguments: The command line without the program (and subcommand).
  ///   - body: The work; what it throws becomes one sentence on stderr.
  public static func run<Options: CommandOptions>(
    _ options: Options.Type, arguments: [String],
    _ body: (ParsedOptions<Options>) throws -> ExitCode
  ) -> Never {
    Interruption.install()
    let table = Options.table
    answerQuestions(arguments) { table.help(width: Console.helpWidth) }
    do {
      let parsed = try table.parse(arguments)
      exit(try body(parsed).rawValue)
    } catch let error as UsageError {
      fail(error, name: table.name, usage: table.usage)
    } catch let error as any ReportableError {
      Console.error("Error: \(table.fitting(error.sentence))")
      exit(error.exitCode.rawValue)
    } catch {
      Console.error("Error: \(error)")
      exit(ExitCode.internalFailure.rawValue)
    }
  }

  /// Prints help or version and ends the process when the arguments ask for it.
  package static func answerQuestions(_ arguments: [String], help: () -> String) {
    let questions = arguments.prefix { $0 != "--" }
    if questions.contains("--help") || questions.contains("-h") {
      Console.output(help())
      exit(0)
    }
    if questions.contains("--version") {
      Console.output("swinbench \(version)")
      exit(0)
    }
  }

  /// Says in three lines what is wrong with the command line, and ends the process.
  package static func fail(_ error: UsageError, name: String, usage: String) -> Never {
    Console.error(
      "Error: \(error.sentence)\nUsage: \(name) \(usage)\nSee 'swift run \(name) --help'.")
    exit(error.exitCode.rawValue)
  }
}

/// Whether the user asked the program to stop.
public enum Interruption {
  // Written by the signal handler, so it is no Swift class or lock.
  private static let flag = Atomic<Int>(0)

  /// Whether SIGINT or SIGTERM arrived; long loops look and save their state.
  public static var isRequested: Bool { flag.load(ordering: .relaxed) != 0 }

  /// Throws when the user asked to stop.
  ///
  /// - Throws: `InterruptedError`.
  public static func check() throws(InterruptedError) {
    if isRequested { throw InterruptedError() }
  }

  static func install() {
    // A handler must not be the first to use the flag: that would allocate.
    _ = isRequested
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in
        // The second request does not wait for the loop.
        if Interruption.flag.add(1, ordering: .relaxed).oldValue > 0 { _exit(130) }
      }
    }
  }
}

/// The user stopped the program; what was done is on disk.
public struct InterruptedError: ReportableError {
  /// The error carries nothing.
  public init() {}
  public var exitCode: ExitCode { .interrupted }
  public var description: String { "interrupted; run the same command again to go on." }
}
