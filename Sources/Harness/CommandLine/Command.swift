import Foundation
import Synchronization
import TensorCore

/// Runs a program: parsing, error text, signals and exit status are the same for all of them.
public enum Command {
  /// The version that `--version` prints.
  public static let version = "0.1.0"

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
    if arguments.contains("--help") || arguments.contains("-h") {
      Console.output(table.help())
      exit(0)
    }
    if arguments.contains("--version") {
      Console.output("swinbench \(version)")
      exit(0)
    }
    do {
      let parsed = try table.parse(arguments)
      if let problem = BLAS.loadingError {
        Console.error("Error: \(problem).")
        exit(ExitCode.internalFailure.rawValue)
      }
      exit(try body(parsed).rawValue)
    } catch let error as UsageError {
      Console.error(
        "Error: \(error)\nUsage: \(table.name) \(table.usage)\nSee 'swift run \(table.name) --help'.")
      exit(error.exitCode.rawValue)
    } catch let error as any ReportableError {
      Console.error("Error: \(error)")
      exit(error.exitCode.rawValue)
    } catch {
      Console.error("Error: \(error)")
      exit(ExitCode.internalFailure.rawValue)
    }
  }
}

/// Text for people: results on stdout, everything else on stderr.
public enum Console {
  /// Writes a line of results. A closed pipe ends the program quietly.
  public static func output(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  /// Writes a line that is no result.
  public static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let put = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress.map { $0 + at }, bytes.count - at)
      }
      if put < 0, errno == EINTR { continue }
      if put < 0 {
        if errno == EPIPE, descriptor == STDOUT_FILENO { exit(0) }
        return
      }
      at += put
    }
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
