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
public protocol CommandOptions {
  /// Every setting at its default.
  init()
  /// The declaration of every option.
  static var table: OptionTable<Self> { get }
  /// Changes defaults to those of a preset; throws nothing, unknown names are refused before.
  mutating func apply(preset: String)
}

extension CommandOptions {
  public mutating func apply(preset: String) {}
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
    let set: (inout Options, String) -> Bool
    let get: (Options) -> String
  }

  let name: String
  let summary: String
  package let usage: String
  let examples: [String]
  private(set) var rows: [Row] = []

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
      expectation: Value.expectation,
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
    table.rows.append(row)
    return table
  }
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
