import FileSupport

extension OptionTable where Options: CommandOptions {
  /// Resolves a command line: flag before configuration file before what the basis of the settings
  /// (recipe, preset) says before default.
  ///
  /// - Parameter refusesRepeats: Whether files, lists and folders of input that are given twice are
  ///   refused, as of a person who means both; else the last one counts, as it does of numbers, names
  ///   and folders to write to.
  /// - Throws: `UsageError`, or `FileError` for a configuration file that cannot be read.
  public func parse(
    _ arguments: [String], refusesRepeats: Bool = false
  ) throws -> ParsedOptions<Options> {
    let flags = try scan(arguments)
    if refusesRepeats { try checkRepeats(flags) }
    let path = flags.last { $0.name == "config" }?.value ?? ""
    let configured = path.isEmpty ? [] : try readConfiguration(path)
    var options = Options()
    var origins: [String: SettingOrigin] = [:]
    for setting in configured + flags where Options.basis.contains(setting.name) {
      try assign(setting, to: &options)
    }
    let before = rows.map { $0.get(options) }
    options.start(given: Set((configured + flags).map(\.name)))
    for (row, old) in zip(rows, before) where row.get(options) != old {
      origins[row.name] = Options.basis.contains(row.name) ? .standard : .preset
    }
    for setting in configured {
      try assign(setting, to: &options)
      origins[setting.name] = .configuration
    }
    for setting in flags {
      // As of a shell's variable that is not set; it would mean the default, or a file of no name.
      if setting.value.isEmpty, let row = rows.first(where: { $0.name == setting.name }) {
        throw row.refusal(of: "")
      }
      try assign(setting, to: &options)
      origins[setting.name] = .flag
    }
    if let missing = rows.first(where: { $0.isRequired && origins[$0.name] == nil }) {
      throw UsageError.missing(
        missing.isPositional ? "<\(missing.name)>" : "option '--\(missing.name)'")
    }
    try options.validate()
    for row in rows where row.isFolderToWrite && origins[row.name] != nil {
      try UsageError.checkFolder(row.get(options), of: row.name)
    }
    return ParsedOptions(
      options: options,
      settings: rows.map { row in
        let value = row.name == "config" ? path : row.get(options)
        return (row.name, value, origins[row.name] ?? .standard)
      })
  }

  private typealias Assignment = (name: String, value: String)

  private func assign(_ setting: Assignment, to options: inout Options) throws {
    guard let row = rows.first(where: { $0.name == setting.name }) else { return }
    guard row.set(&options, setting.value) else { throw row.refusal(of: setting.value) }
  }

  private func checkRepeats(_ flags: [Assignment]) throws(UsageError) {
    var seen: [String: String] = [:]
    for flag in flags {
      let row = rows.first { $0.name == flag.name && !$0.isPositional }
      guard row?.gathers == true, let other = seen.updateValue(flag.value, forKey: flag.name),
        other != flag.value
      else { continue }
      throw .conflict(
        "--\(flag.name) is given twice, as '\(other)' and '\(flag.value)'; give it once, "
          + (row?.placeholder == "options"
            ? "all of them in one pair of quotes."
            : "several values with commas where it takes several."))
    }
  }

  private func scan(_ arguments: [String]) throws(UsageError) -> [Assignment] {
    var result: [Assignment] = []
    var alone = rows.filter(\.isPositional).map(\.name)[...]
    var takesOptions = true
    var at = 0
    while at < arguments.count {
      let argument = arguments[at]
      at += 1
      if takesOptions, argument == "--" {
        takesOptions = false
        continue
      }
      guard takesOptions, argument.hasPrefix("--") else {
        if takesOptions, argument.hasPrefix("-"), argument.count > 1 {
          throw .unknownOption(argument, nearest: nearest(String(argument.drop { $0 == "-" })))
        }
        guard let name = alone.popFirst() else { throw .unexpectedArgument(argument) }
        result.append((name, argument))
        continue
      }
      let parts = argument.dropFirst(2)
        .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      let attached = parts.count > 1 ? String(parts[1]) : nil
      if let row = rows.first(where: { $0.name == name && !$0.isPositional }) {
        if row.placeholder == nil {
          if let attached { throw .unexpectedValue(option: "--" + name, value: attached) }
          result.append((name, "true"))
        } else if let attached {
          result.append((name, attached))
        } else if at < arguments.count, !arguments[at].hasPrefix("--") {
          result.append((name, arguments[at]))
          at += 1
        } else if at < arguments.count, !isOption(String(arguments[at].dropFirst(2))) {
          throw .detachedValue(
            option: "--" + name, value: arguments[at], expected: row.expectation)
        } else {
          throw .missingValue("--" + name, expected: row.expectation)
        }
      } else if name.hasPrefix("no-"),
        rows.contains(where: { $0.name == name.dropFirst(3) && $0.placeholder == nil })
      {
        if let attached { throw .unexpectedValue(option: "--" + name, value: attached) }
        result.append((String(name.dropFirst(3)), "false"))
      } else if Question(rawValue: name) != nil, let attached {
        throw .unexpectedValue(option: "--" + name, value: attached)
      } else {
        throw .unknownOption("--" + name, nearest: nearest(name))
      }
    }
    return result
  }

  private func nearest(_ name: String) -> String? {
    let known = rows.filter { !$0.isPositional }.map(\.name) + Question.allCases.map(\.rawValue)
    return nearestName(to: name, among: known).map { "--" + $0 }
  }

  private func readConfiguration(_ path: String) throws -> [Assignment] {
    let bytes = try FileBytes.readText(path, readsPipes: true)
    let document: JSONValue
    do throws(JSONFault) {
      document = try JSONValue(document: bytes)
    } catch {
      throw UsageError.configuration(path: path, problem: error.problem)
    }
    guard case .object(let root) = document else {
      throw UsageError.configuration(path: path, problem: "is no JSON object of settings")
    }
    return try root.sorted { $0.key < $1.key }.map { key, value in
      let setting = (name: key, value: try text(of: value, key: key, path: path))
      guard !setting.value.isEmpty else {
        throw UsageError.configuration(
          path: path, problem: "gives '\(key)' no value; leave it out, or give it one")
      }
      var trial = Options()
      if let row = rows.first(where: { $0.name == key }), !row.set(&trial, setting.value) {
        throw UsageError.configuration(
          path: path,
          problem: "gives '\(key)' the value '\(setting.value)', but it must be \(row.expectation)")
      }
      return setting
    }
  }

  private func text(
    of value: JSONValue, key: String, path: String
  ) throws(UsageError) -> String {
    // A configuration file does not name another one.
    let known = rows.map(\.name).filter { $0 != "config" }
    guard known.contains(key) else {
      let hint = nearestName(to: key, among: known).map { "; did you mean '\($0)'" }
      throw .configuration(path: path, problem: "has the unknown setting '\(key)'" + (hint ?? ""))
    }
    func plain(_ value: JSONValue) -> String? {
      switch value {
      case .string(let text): text
      case .bool, .integer, .number: value.text()
      default: nil
      }
    }
    let items = value.arrayValue?.map(plain) ?? [plain(value)]
    let texts = items.compactMap { $0 }
    guard texts.count == items.count else {
      throw .configuration(
        path: path, problem: "gives '\(key)' a value that is no text, number or list of these")
    }
    return texts.joined(separator: ",")
  }
}
