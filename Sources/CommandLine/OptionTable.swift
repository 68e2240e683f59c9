import Foundation

/// The parts of a help text.
public enum OptionGroup: String, CaseIterable, Sendable {
  case input = "Input"
  case protocolSettings = "Protocol"
  case run = "Run"
  case output = "Output"
}

/// Where the value of a setting came from.
public enum SettingOrigin: String, Sendable {
  case flag, configuration, preset
  case standard = "default"
}

/// The settings of a program.
public protocol CommandOptions: Sendable {
  /// Every setting at its default.
  init()
  /// The declaration of every option.
  static var table: OptionTable<Self> { get }
  /// Names of the options that decide where others start, as `recipe` and `preset` do; they are
  /// read first.
  static var basis: [String] { get }
  /// Sets what the basis decides, before any other option is read.
  ///
  /// - Parameter given: Names of all options of the command line and the configuration file.
  mutating func start(given: Set<String>)
  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError` for settings that contradict each other.
  func validate() throws(UsageError)
}

extension CommandOptions {
  public static var basis: [String] { [] }
  public mutating func start(given: Set<String>) {}
  public func validate() throws(UsageError) {}
}

/// Every option of a program, declared once: parsing, help, configuration files and the printed
/// settings all come from here and cannot drift apart.
public struct OptionTable<Options> {
  /// One option.
  struct Row {
    let name: String
    /// What stands for the value in the help; nil for a switch.
    let placeholder: String?
    let group: OptionGroup
    let help: String
    let expectation: String
    var isRequired = false
    /// Whether the value stands alone on the command line, without the option's name.
    var isPositional = false
    /// Whether it takes several values, with commas.
    var isList = false
    let set: (inout Options, String) -> Bool
    let get: (Options) -> String

    /// Whether the value is a folder that is written to.
    var isFolderToWrite: Bool { placeholder == "folder" && group == .output }

    /// Whether a second value would lose one that is meant as well.
    ///
    /// So of lists, of options for another program, and of places that are read. Folders to write to
    /// override each other, as numbers do.
    var gathers: Bool {
      switch placeholder {
      case "file", "path", "table", "options": true
      case "folder": group == .input
      default: isList
      }
    }

    /// The error for a value that means nothing.
    func refusal(of value: String) -> UsageError {
      .wrongValue(
        option: isPositional ? "<\(name)>" : "--" + name, value: value, expected: expectation)
    }
  }

  let name: String
  let summary: String
  package let usage: String
  let examples: [String]
  private var declared: [Row] = []

  /// The declared options, and the configuration file that every command takes.
  var rows: [Row] { declared + [Self.configuration] }

  /// Every option as one may give it.
  package var shapes: [OptionShape] {
    rows.map { row in
      let choices = row.expectation.hasPrefix("one of ") ? row.expectation.dropFirst(7) : ""
      return OptionShape(
        name: row.name, takesValue: row.placeholder != nil, isPositional: row.isPositional,
        isRequired: row.isRequired,
        // A list says so at the end: "or several with commas".
        choices: choices.isEmpty
          ? [] : choices.components(separatedBy: ", ").filter { !$0.hasPrefix("or ") },
        gathers: row.gathers, placeholder: row.placeholder ?? "", help: row.help)
    }
  }

  private static var configuration: Row {
    Row(
      name: "config", placeholder: "file", group: .run,
      help: "JSON object of settings by name.", expectation: String.expectation,
      set: { _, _ in true }, get: { _ in "" })
  }

  /// Starts a table.
  ///
  /// - Parameters:
  ///   - name: The program, with its subcommand if it has one.
  ///   - summary: One sentence for the top of the help.
  ///   - usage: What follows the name in the usage line.
  ///   - examples: Whole commands for the end of the help.
  public init(name: String, summary: String, usage: String, examples: [String]) {
    self.name = name
    self.summary = summary
    self.usage = usage
    self.examples = examples
  }

  /// Starts the table of settings that are part of others.
  public init() { self.init(name: "", summary: "", usage: "", examples: []) }

  /// Takes in the options of settings that are part of these.
  public func options<Part>(
    _ part: OptionTable<Part>, at path: WritableKeyPath<Options, Part>
  ) -> OptionTable {
    part.declared.reduce(self) { table, row in
      var own = Row(
        name: row.name, placeholder: row.placeholder, group: row.group, help: row.help,
        expectation: row.expectation, set: { row.set(&$0[keyPath: path], $1) },
        get: { row.get($0[keyPath: path]) })
      own.isRequired = row.isRequired
      own.isPositional = row.isPositional
      own.isList = row.isList
      return table.adding(own)
    }
  }

  /// Declares an option whose numbers must lie in a range.
  public func option<Value: NumericOptionValue>(
    _ name: String, _ path: WritableKeyPath<Options, Value>, in range: NumberRange,
    value placeholder: String, _ group: OptionGroup, _ help: String
  ) -> OptionTable {
    adding(
      Row(
        name: name, placeholder: placeholder, group: group, help: help,
        expectation: Value.expectation(in: range), isList: Value.isList,
        set: { options, text in
          guard let value = Value(argument: text), range.contains(value.numbers) else {
            return false
          }
          options[keyPath: path] = value
          return true
        }, get: { $0[keyPath: path].argument }))
  }

  /// Declares an option with a value.
  ///
  /// - Parameter isRequired: Whether the command line or the configuration file must give it.
  public func option<Value: OptionValue>(
    _ name: String, _ path: WritableKeyPath<Options, Value>, value placeholder: String,
    _ group: OptionGroup, _ help: String, isRequired: Bool = false
  ) -> OptionTable {
    var row = Self.row(name, path, placeholder, group, help)
    row.isRequired = isRequired
    return adding(row)
  }

  /// Declares a value that stands alone, without a name: the n-th declared takes the n-th given.
  ///
  /// A configuration file gives it by its name.
  public func argument<Value: OptionValue>(
    _ name: String, _ path: WritableKeyPath<Options, Value>, _ group: OptionGroup, _ help: String,
    isRequired: Bool = true
  ) -> OptionTable {
    var row = Self.row(name, path, name, group, help)
    row.isRequired = isRequired
    row.isPositional = true
    return adding(row)
  }

  private static func row<Value: OptionValue>(
    _ name: String, _ path: WritableKeyPath<Options, Value>, _ placeholder: String,
    _ group: OptionGroup, _ help: String
  ) -> Row {
    Row(
      name: name, placeholder: placeholder, group: group, help: help,
      expectation: Value.expectation, isList: Value.isList,
      set: { options, text in
        guard let value = Value(argument: text) else { return false }
        options[keyPath: path] = value
        return true
      }, get: { $0[keyPath: path].argument })
  }

  /// Declares a switch: `--name` turns it on, `--no-name` off.
  public func flag(
    _ name: String, _ path: WritableKeyPath<Options, Bool>, _ group: OptionGroup, _ help: String
  ) -> OptionTable {
    adding(
      Row(
        name: name, placeholder: nil, group: group, help: help, expectation: "true or false",
        set: { options, text in
          guard text == "true" || text == "false" else { return false }
          options[keyPath: path] = text == "true"
          return true
        }, get: { $0[keyPath: path] ? "true" : "false" }))
  }

  private func adding(_ row: Row) -> OptionTable {
    precondition(!rows.contains { $0.name == row.name }, "option \(row.name) declared twice")
    var table = self
    table.declared.append(row)
    return table
  }
}

/// How an option is given: what completions, tests and the fuzz know of it.
package struct OptionShape: Sendable {
  package let name: String
  /// Whether a value follows, and whether that stands without the name.
  package let takesValue: Bool, isPositional: Bool
  /// Whether it must be given.
  package let isRequired: Bool
  /// The values of an enumeration.
  package let choices: [String]
  /// Whether a second value is refused, since it would lose the first.
  package let gathers: Bool
  /// What stands for the value in the help, and the help itself.
  package let placeholder, help: String
}

/// The settings of a run and where each came from.
public struct ParsedOptions<Options> {
  /// The resolved settings.
  public var options: Options
  /// Name, value and origin of every setting, in the table's order.
  public let settings: [(name: String, value: String, origin: SettingOrigin)]

  /// The settings as a small table, for `--dry-run` and the log.
  public var summary: String {
    let width = settings.map(\.name.count).max() ?? 0
    return settings.map { setting in
      let name = setting.name.padding(toLength: width, withPad: " ", startingAt: 0)
      return "\(name)  \(setting.value.isEmpty ? "-" : setting.value)  (\(setting.origin.rawValue))"
    }.joined(separator: "\n")
  }
}
