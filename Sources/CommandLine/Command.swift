import FileSupport
import Foundation
import Processes
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

  private static let resolved = Mutex<[(name: String, value: String)]>([])

  /// The options of this process by name, as they were resolved; none before `run` read them.
  package static var settings: [(name: String, value: String)] { resolved.withLock { $0 } }

  /// What stands before a program's name where it is run from a checkout, else nothing: a release
  /// has no `swift`.
  static let runner = runner(of: Swift.CommandLine.arguments.first ?? "")

  static func runner(of path: String) -> String {
    path.hasPrefix(".build") || path.contains("/.build") ? "swift run " : ""
  }

  /// A command of the help as it is typed here.
  static func typed(_ example: String) -> String { example.replacing("swift run ", with: runner) }

  static func quoted(_ word: String) -> String {
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
    let program = String(table.name.prefix { $0 != " " })
    answerQuestions(
      arguments, program: table.name, usage: table.usage,
      help: { table.help($0, width: Console.helpWidth) },
      completion: { Completion(program: program, shapes: table.shapes) })
    do {
      let parsed = try table.parse(arguments, refusesRepeats: true)
      resolved.withLock { $0 = parsed.settings.map { ($0.name, $0.value) } }
      if !table.shapes.contains(where: { $0.name == "mpi" }) { try Processes.refuseOthers() }
      let status = try body(parsed).rawValue
      Processes.finish()
      exit(status)
    } catch let error as UsageError {
      fail(error, name: table.name, usage: table.usage)
    } catch let error as any ReportableError {
      end(error, error.exitCode, saying: table.fitting(error.sentence))
    } catch {
      end(error, .internalFailure, saying: "\(error)")
    }
  }

  /// Ends this process, and all that work with it, because of an error.
  private static func end(
    _ error: any Error, _ code: ExitCode, saying sentence: String, isCommon: Bool = false
  ) -> Never {
    Processes.fail(
      error, exitCode: code.rawValue, isCommon: isCommon,
      isStopped: { Interruption.isRequested }
    ) {
      Console.write("Error: \(sentence)\n", to: STDERR_FILENO)
    }
  }

  /// Prints help, version or completions and ends the process when the arguments ask for them.
  static func answerQuestions(
    _ arguments: [String], program: String, usage: String, help: (HelpLevel) -> String,
    completion: () -> Completion
  ) {
    let questions = arguments.prefix { $0 != "--" }
    func isAsked(_ question: Question) -> Bool { questions.contains("--" + question.rawValue) }
    if isAsked(.everything) || isAsked(.help) || questions.contains("-h") {
      Console.output(help(isAsked(.everything) ? .all : .first))
      exit(0)
    }
    if isAsked(.version) {
      Console.output("swinbench \(version)")
      exit(0)
    }
    let option = "--" + Question.completions.rawValue
    guard let place = questions.firstIndex(where: { $0 == option || $0.hasPrefix(option + "=") })
    else { return }
    let word =
      questions[place] == option
      ? questions.dropFirst(place + 1).first
      : String(questions[place].dropFirst(option.count + 1))
    guard let word else {
      fail(
        .missingValue(option, expected: Completion.Shell.expectation), name: program, usage: usage)
    }
    guard let shell = Completion.Shell(argument: word) else {
      fail(
        .wrongValue(option: option, value: word, expected: Completion.Shell.expectation),
        name: program, usage: usage)
    }
    Console.output(completion().script(shell))
    exit(0)
  }

  /// Says in three lines what is wrong with the command line, and ends the process.
  package static func fail(_ error: UsageError, name: String, usage: String) -> Never {
    end(
      error, error.exitCode,
      saying: "\(error.sentence)\nUsage: \(name) \(usage)\nSee '\(runner)\(name) --help'.",
      // Every process was started with the same words.
      isCommon: !Processes.areStarted)
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
