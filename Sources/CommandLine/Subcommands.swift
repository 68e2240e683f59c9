import FileSupport
import Foundation

/// One of several things a program does: `bench-data check …`.
public struct Subcommand: Sendable {
  let name: String
  let summary: String
  let shapes: @Sendable () -> [OptionShape]
  let help: @Sendable (HelpLevel, _ first: [String]) -> String
  let run: @Sendable ([String]) -> Never

  /// Declares a command.
  ///
  /// - Parameters:
  ///   - name: The word after the program's name.
  ///   - summary: One sentence for the list of commands.
  ///   - options: The type of its settings.
  ///   - body: The work, as for `Command.run`.
  public init<Options: CommandOptions>(
    _ name: String, _ summary: String, _ options: Options.Type,
    body: @escaping @Sendable (ParsedOptions<Options>) throws -> ExitCode
  ) {
    self.name = name
    self.summary = summary
    shapes = { Options.table.shapes }
    help = { level, first in Options.table.help(level, first: first, width: Console.helpWidth) }
    run = { arguments in Command.run(options, arguments: arguments, body) }
  }
}

extension Command {
  /// Hands the arguments to the command that their first word names, or lists the commands.
  ///
  /// - Parameters:
  ///   - program: The program's name.
  ///   - summary: One sentence for the top of the list.
  ///   - commands: What there is to choose from.
  ///   - standard: The command that is meant when the arguments name none.
  ///   - examples: Whole commands, the one to know first at the front.
  public static func run(
    _ program: String, summary: String, commands: [Subcommand], standard: String? = nil,
    examples: [String], arguments: [String]
  ) -> Never {
    Interruption.install()
    let list = CommandList(
      program: program, summary: summary, commands: commands, standard: standard,
      examples: examples)
    guard let word = arguments.first, !word.hasPrefix("-") else {
      answerQuestions(
        arguments, program: program, usage: list.usage, help: { list.help($0) },
        completion: { list.completion })
      list.standardCommand?.run(arguments)
      if let word = arguments.first {
        fail(.unknownOption(word, nearest: nil), name: program, usage: list.usage)
      }
      Console.output(list.help(.first))
      exit(0)
    }
    if let command = commands.first(where: { $0.name == word }) {
      command.run(Array(arguments.dropFirst()))
    }
    fail(
      .unknownCommand(word, known: commands.map(\.name)), name: program, usage: list.usage)
  }
}

/// What a program of several commands says about itself.
struct CommandList {
  let program, summary: String
  let commands: [Subcommand]
  let standard: String?
  let examples: [String]

  var standardCommand: Subcommand? { commands.first { $0.name == standard } }
  var usage: String { standard == nil ? "<command> [options]" : "[<command>] [options]" }
  var completion: Completion {
    Completion(
      program: program,
      commands: commands.map { ($0.name, $0.summary, $0.shapes()) }, standard: standard)
  }

  /// The list, after the help of the command that needs no name.
  func help(_ level: HelpLevel) -> String {
    let column = (commands.map(\.name.count).max() ?? 0) + 4
    let table = columns(
      commands.map { ($0.name, $0.summary) }, at: column, width: Console.helpWidth)
    let end = ["", "See '\(Command.runner)\(program) <command> --help' for the options of one."]
    if let standardCommand {
      let lines = [standardCommand.help(level, examples), "", "Commands:"] + table + end
      return lines.joined(separator: "\n")
    }
    var lines = [summary, "", "Usage: \(program) \(usage)", "", "Commands:"] + table
    if !examples.isEmpty { lines += ["", "Examples:"] + examples.map { "  " + Command.typed($0) } }
    return (lines + end).joined(separator: "\n")
  }
}
