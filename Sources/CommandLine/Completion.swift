/// Completions of a program's command line, made from the same declarations as its help.
///
/// The scripts answer to the program by its name, as it lies in a folder of the search path:
///
///     source <(bench-coco --completions bash)
///     bench-coco --completions zsh > ~/.zfunc/_bench-coco
///     bench-coco --completions fish > ~/.config/fish/completions/bench-coco.fish
struct Completion {
  /// The shells that there are completions for.
  enum Shell: String, OptionChoice { case bash, zsh, fish }

  private struct Entry {
    /// Empty for the options of a program that has no commands.
    let command: String
    let summary: String
    let shapes: [OptionShape]
  }

  private let program: String
  private let entries: [Entry]
  /// The command that is meant when none is named.
  private let standard: String

  /// A program with one set of options.
  init(program: String, shapes: [OptionShape]) {
    self.init(program: program, commands: [("", "", shapes)], standard: "")
  }

  /// A program with commands.
  init(
    program: String, commands: [(name: String, summary: String, shapes: [OptionShape])],
    standard: String?
  ) {
    self.program = program
    self.standard = standard ?? ""
    entries = commands.map { Entry(command: $0.name, summary: $0.summary, shapes: $0.shapes) }
  }

  /// The script of a shell.
  func script(_ shell: Shell) -> String {
    switch shell {
    case .bash: bash
    case .zsh: zsh
    case .fish: fish
    }
  }

  private var words: [String] { entries.map(\.command).filter { !$0.isEmpty } }
  private var function: String { "_" + program.replacing("-", with: "_") }

  /// Every word that starts with two dashes.
  private func flags(_ shapes: [OptionShape]) -> [String] {
    shapes.filter { !$0.isPositional }.flatMap { shape in
      shape.takesValue ? ["--" + shape.name] : ["--" + shape.name, "--no-" + shape.name]
    } + Question.allCases.map { "--" + $0.rawValue }
  }

  /// The choices of every option that has some; that of a shell is a question's.
  private func choices(_ shapes: [OptionShape]) -> [(name: String, values: [String])] {
    shapes.filter { !$0.choices.isEmpty && !$0.isPositional }.map { ($0.name, $0.choices) }
      + [(Question.completions.rawValue, Shell.allCases.map(\.rawValue))]
  }

  // MARK: bash

  private var bash: String {
    var lines = [
      "# Completions of \(program) for bash.",
      "\(function)() {",
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
      "  local command='\(standard)' flags='' words=''",
      "  # `--option=value` arrives as three words.",
      "  [[ $word == '=' ]] && word=''",
      "  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD-2]}",
    ]
    if !words.isEmpty {
      let list = words.joined(separator: "|")
      lines += [
        "  case ${COMP_WORDS[1]} in \(list)) command=${COMP_WORDS[1]} ;; esac",
        "  (( COMP_CWORD == 1 )) && words='\(words.joined(separator: " "))'",
      ]
    }
    lines += ["  case $command:$before in"]
    for entry in entries {
      for (name, values) in choices(entry.shapes) {
        lines.append(
          "    '\(entry.command):--\(name)')"
            + " COMPREPLY=($(compgen -W '\(values.joined(separator: " "))' -- \"$word\"));"
            + " return ;;")
      }
    }
    lines += ["  esac", "  case $command in"]
    for entry in entries {
      lines.append(
        "    '\(entry.command)') flags='\(flags(entry.shapes).joined(separator: " "))' ;;")
    }
    return
      (lines + [
        "  esac",
        "  if [[ $word == -* ]]; then",
        "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))",
        "  else",
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\"))",
        "  fi",
        "}",
        "complete -o filenames -F \(function) \(program)",
      ]).joined(separator: "\n")
  }

  // MARK: zsh

  private var zsh: String {
    var lines = ["#compdef \(program)", "# Completions of \(program) for zsh.", "\(function)() {"]
    if !words.isEmpty {
      lines += ["  local command='\(standard)'", "  local -a commands=("]
      lines += entries.map { "    '\($0.command):\(plain($0.summary))'" }
      lines += [
        "  )",
        "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then",
        "    _describe command commands; return",
        "  fi",
        "  if (( ${commands[(I)$words[2]:*]} )); then",
        "    command=$words[2]; shift words; (( CURRENT-- ))",
        "  fi",
      ]
    } else {
      lines.append("  local command=''")
    }
    lines.append("  case $command in")
    for entry in entries {
      lines.append("    '\(entry.command)') _arguments \\")
      for shape in entry.shapes { lines += zshLines(shape) }
      lines += Question.allCases.map { question in
        let value =
          question == .completions
          ? ":shell:(\(Shell.allCases.map(\.rawValue).joined(separator: " ")))" : ""
        return "      '--\(question.rawValue)[\(plain(question.help))]\(value)' \\"
      }
      lines.append("      ;;")
    }
    return (lines + ["  esac", "}", "compdef \(function) \(program)"]).joined(separator: "\n")
  }

  private func zshLines(_ shape: OptionShape) -> [String] {
    let help = plain(shape.help)
    if shape.isPositional { return ["      ':\(shape.name):_files' \\"] }
    guard shape.takesValue else {
      return ["      '--\(shape.name)[\(help)]' \\", "      '--no-\(shape.name)[\(help)]' \\"]
    }
    let values =
      shape.choices.isEmpty
      ? (shape.isPath ? "_files" : " ") : "(\(shape.choices.joined(separator: " ")))"
    return ["      '--\(shape.name)=[\(help)]:\(plain(shape.placeholder)):\(values)' \\"]
  }

  /// A text without what zsh reads as an end.
  private func plain(_ text: String) -> String {
    text.filter { !"'[]:\\".contains($0) }
  }

  // MARK: fish

  private var fish: String {
    var lines = ["# Completions of \(program) for fish."]
    let all = words.joined(separator: " ")
    for entry in entries where !entry.command.isEmpty {
      lines.append(
        "complete -c \(program) -n 'not __fish_seen_subcommand_from \(all)' "
          + "-a '\(entry.command)' -d '\(quoted(entry.summary))'")
    }
    for entry in entries {
      let condition =
        entry.command.isEmpty
        ? ""
        : entry.command == standard
          ? " -n '__fish_seen_subcommand_from \(standard); "
            + "or not __fish_seen_subcommand_from \(all)'"
          : " -n '__fish_seen_subcommand_from \(entry.command)'"
      let head = "complete -c \(program)\(condition)"
      for shape in entry.shapes where !shape.isPositional {
        let text = "-d '\(quoted(shape.help))'"
        if !shape.takesValue {
          lines.append("\(head) -l \(shape.name) \(text)")
          lines.append("\(head) -l no-\(shape.name) \(text)")
        } else if !shape.choices.isEmpty {
          lines.append(
            "\(head) -l \(shape.name) -x -a '\(shape.choices.joined(separator: " "))' \(text)")
        } else {
          lines.append("\(head) -l \(shape.name) \(shape.isPath ? "-r -F" : "-x") \(text)")
        }
      }
    }
    lines += Question.allCases.map { question in
      let values =
        question == .completions
        ? " -x -a '\(Shell.allCases.map(\.rawValue).joined(separator: " "))'" : ""
      return "complete -c \(program) -l \(question.rawValue)\(values) "
        + "-d '\(quoted(question.help))'"
    }
    return lines.joined(separator: "\n")
  }

  private func quoted(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
  }
}

extension OptionShape {
  /// Whether the value names files or folders.
  fileprivate var isPath: Bool { ["file", "folder", "path"].contains { placeholder.contains($0) } }
}
