import Foundation

/// One of several things a program does: `bench-data check …`.
public struct Subcommand: Sendable {
  let name: String
  let summary: String
  let run: @Sendable ([String]) -> Never

  /// Declares a command.
  ///
  /// - Parameters:
  ///   - name: The word after the program's name.
  ///   - summary: One sentence for the list of commands.
  ///   - run: Gets the arguments after that word; calls `Command.run`.
  public init(_ name: String, _ summary: String, run: @escaping @Sendable ([String]) -> Never) {
    self.name = name
    self.summary = summary
    self.run = run
  }
}

extension Command {
  /// Hands the arguments to the command that their first word names, or lists the commands.
  ///
  /// - Parameters:
  ///   - program: The program's name.
  ///   - summary: One sentence for the top of the list.
  ///   - commands: What there is to choose from.
  ///   - examples: Whole commands for the end of the list.
  public static func run(
    _ program: String, summary: String, commands: [Subcommand], examples: [String],
    arguments: [String]
  ) -> Never {
    Interruption.install()
    let usage = "<command> [options]"
    guard let word = arguments.first, !word.hasPrefix("-") else {
      answerQuestions(arguments) {
        list(program, summary: summary, usage: usage, commands: commands, examples: examples)
      }
      if let word = arguments.first {
        fail(.unknownOption(word, nearest: nil), name: program, usage: usage)
      }
      Console.output(
        list(program, summary: summary, usage: usage, commands: commands, examples: examples))
      exit(0)
    }
    if let command = commands.first(where: { $0.name == word }) {
      command.run(Array(arguments.dropFirst()))
    }
    fail(
      .unknownCommand(word, known: commands.map(\.name)), name: program, usage: usage)
  }

  static func list(
    _ program: String, summary: String, usage: String, commands: [Subcommand], examples: [String]
  ) -> String {
    let column = (commands.map(\.name.count).max() ?? 0) + 4
    var lines = [summary, "", "Usage: \(program) \(usage)", "", "Commands:"]
    lines += columns(
      commands.map { ($0.name, $0.summary) }, at: column, width: Console.helpWidth)
    if !examples.isEmpty { lines += ["", "Examples:"] + examples.map { "  " + $0 } }
    lines += ["", "See 'swift run \(program) <command> --help' for the options of one."]
    return lines.joined(separator: "\n")
  }
}
