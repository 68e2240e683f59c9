import FileSupport
import Foundation
import Harness
import TestSupport
import Testing

@testable import CommandLine

/// What every valid command line of the made-up program needs.
private let needed = ["--weights", "a.pth", "forge"]

private func parse(_ arguments: [String]) throws -> ParsedOptions<SmithyOptions> {
  try SmithyOptions.table.parse(arguments)
}

@Suite("Command line", .timeLimit(.minutes(5)))
struct CommandLineTests {
  @Test("A person who gives a list twice is asked what is meant; a number overrides the one before")
  func repeats() throws {
    let twice = needed + ["--seeds", "3", "--seeds", "4"]
    #expect(try parse(twice).options.seeds == [4])
    let error = #expect(throws: UsageError.self) {
      try SmithyOptions.table.parse(twice, refusesRepeats: true)
    }
    #expect(error?.description.hasPrefix("--seeds is given twice, as '3' and '4'") == true)
    for other in [
      ["--epochs", "3", "--epochs", "4"], ["--seeds", "4", "--seeds=4"],
      ["--output", "a", "--output", "b"],
    ] {
      #expect(throws: Never.self) {
        try SmithyOptions.table.parse(needed + other, refusesRepeats: true)
      }
    }
  }

  @Test("Of whatever holds several things, or names what is read, no first value is lost silently")
  func gathering() throws {
    for (option, values) in [
      ("linear", ["--limit 3", "--cached"]), ("data", ["a", "b"]), ("tasks", ["coco", "linear"]),
      ("backbone", ["a.pth", "b.pth"]),
    ] {
      let error = #expect(throws: UsageError.self) {
        try SuiteOptions.table.parse(values.map { "--\(option)=\($0)" }, refusesRepeats: true)
      }
      #expect(error?.description.hasPrefix("--\(option) is given twice, as '") == true)
    }
    // By their placeholders: folders, names and paths of other programs.
    let rows = CommandTrial.all.flatMap { trial in trial.options.map { (trial.name, $0) } }
    for (program, option) in rows where option.takesValue && !option.isPositional {
      let isMeant =
        option.placeholder.contains("s,") || option.placeholder.contains(",")
        || ["files", "folders", "names", "list", "options", "path", "table", "file"]
          .contains(option.placeholder)
      if isMeant { #expect(option.gathers, "\(program) --\(option.name)") }
    }
  }

  @Test("An empty value of the configuration file is refused as one of the command line")
  func emptyConfiguration() throws {
    let folder = try TemporaryDirectory()
    let config = folder.file("c.json")
    for text in [#"{"output": ""}"#, #"{"output": [""]}"#, #"{"seeds": []}"#, #"{"limit": ""}"#] {
      try AtomicFile.write(text: text, to: config)
      let error = #expect(throws: UsageError.self) {
        try parse(needed + ["--config", config])
      }
      #expect(error?.description.contains("c.json gives '") == true, "\(text)")
    }
  }

  @Test("The help of a program is this text")
  func help() {
    let expected = """
      Measure how well a backbone forges.

      Usage: bench-smithy --weights <file> <folder> [options]

      Input:
        <folder>               Where the iron is. [required]
        --weights <file>       Checkpoint of the smith. [required]

      Protocol:
        --preset <size>        How much is run. One of smoke, mini, full. [full]
        --epochs <n>           Passes over the iron. [100]
        --learning-rate <x>    Rate for a batch of 512; a longer explanation that has
                               to go on in a second line. [1]
        --heat <x>             Of the fire. [0.5]
        --bellows <n>          How many.
        --[no-]cached          Compute features once.

      Run:
        --seeds <list>         One forging a seed. [0]
        --limit <n>            Use at most n pieces.
        --[no-]check           Look at the iron first. [on]
        --config <file>        JSON object of settings by name.
        --help                 Show what one needs first.
        --help-all             Show every option.
        --completions <shell>  Print completions of options and commands: bash, zsh,
                               fish.
        --version              Show the version.

      Output:
        --output <folder>      Where reports go. [reports]

      Examples:
        swift run bench-smithy --weights a.pth forge --preset smoke
      """
    #expect(SmithyOptions.table.help() == expected)
  }

  @Test("A value of no letters, as of a variable that is not set, is refused with its option")
  func emptyValues() {
    for arguments in [["--weights", ""], ["--weights="], ["--weights", "a", "--seeds", ""]] {
      let error = #expect(throws: UsageError.self) { try parse(arguments + ["forge"]) }
      #expect(error?.description.contains("got '', but must be") == true)
    }
  }

  @Test("The short help has the first commands and options, and says where the others are")
  func shortHelp() {
    #expect(
      SmithyOptions.table.help(.first) == """
        Measure how well a backbone forges.

        Usage: bench-smithy --weights <file> <folder> [options]

        Start with:
          swift run bench-smithy --weights a.pth forge --preset smoke

        First options:
          <folder>               Where the iron is. [required]
          --weights <file>       Checkpoint of the smith. [required]
          --preset <size>        How much is run. One of smoke, mini, full. [full]
          --output <folder>      Where reports go. [reports]
          --help-all             All 13 options.
        """)
    let few = OptionTable<SmithyOptions>(name: "smithy", summary: "", usage: "", examples: [])
      .flag("quench", \.isCached, .run, "Cool it.")
    #expect(few.help(.first) == few.help(.all) && few.help().contains("--[no-]quench"))
  }

  @Test("Commands are shown as one types them where the program lies")
  func runner() {
    #expect(Command.runner(of: "/home/me/SwinBench/.build/debug/bench-coco") == "swift run ")
    #expect(Command.runner(of: ".build-quick/debug/bench-coco") == "swift run ")
    #expect(Command.runner(of: "/opt/swinbench/bench-coco") == "")
    #expect(Command.typed("swift run bench-coco").hasSuffix("bench-coco"))
  }

  @Test("No line of the help is wider than asked, whatever the width", arguments: [50, 64, 100])
  func helpWidth(width: Int) {
    // Usage and examples are commands to copy and are not broken.
    let lines = SmithyOptions.table.help(width: width).split(separator: "\n")
      .filter { !$0.contains("bench-smithy") }
    #expect(lines.allSatisfy { $0.count <= width })
  }

  @Test("Values are read after a space or an equals sign, switches with and without no-")
  func values() throws {
    let options = try parse(
      needed + [
        "--epochs", "7", "--learning-rate=0.5", "--seeds", "0,1,2", "--limit=-5", "--cached",
        "--no-check", "--preset=mini",
      ]
    ).options
    #expect(options.folder == "forge" && options.weights == "a.pth")
    #expect(options.epochs == 7 && options.rate == 0.5 && options.seeds == [0, 1, 2])
    #expect(options.limit == -5 && options.isCached && !options.checks)
    #expect(options.preset == .mini)
  }

  @Test("After -- everything stands alone, also what looks like an option")
  func terminator() throws {
    #expect(try parse(["--weights", "a", "--", "--forge"]).options.folder == "--forge")
    #expect(throws: UsageError.unexpectedArgument("b")) {
      try parse(["--weights", "w", "a", "b"])
    }
  }

  @Test("A flag wins over the configuration file, that over the preset, that over the default")
  func precedence() throws {
    let folder = try TemporaryDirectory()
    let config = folder.file("c.json")
    try AtomicFile.write(
      text: """
        {"preset": "smoke", "learning-rate": 0.25, "seeds": [3, 4], "check": false, "limit": 9}
        """, to: config)
    let parsed = try parse(needed + ["--config", config, "--limit", "8"])
    #expect(parsed.options.epochs == 3 && parsed.options.isCached)
    #expect(parsed.options.rate == 0.25 && parsed.options.seeds == [3, 4])
    #expect(!parsed.options.checks && parsed.options.limit == 8)
    let origins = Dictionary(uniqueKeysWithValues: parsed.settings.map { ($0.name, $0.origin) })
    #expect(origins["limit"] == .flag && origins["weights"] == .flag && origins["folder"] == .flag)
    #expect(origins["preset"] == .configuration && origins["seeds"] == .configuration)
    #expect(origins["epochs"] == .preset && origins["cached"] == .preset)
    #expect(origins["output"] == .standard)
    let overridden = try parse(needed + ["--config", config, "--preset", "full", "--check"])
    #expect(overridden.options.epochs == 100 && overridden.options.checks)
  }

  @Test("A whole number, a truth value and a text of the configuration file keep their kind")
  func configurationKinds() throws {
    let folder = try TemporaryDirectory()
    let config = folder.file("c.json")
    try AtomicFile.write(
      text: #"{"weights": "1", "folder": "f", "epochs": 1, "cached": true, "learning-rate": 1e-7}"#,
      to: config)
    let options = try parse(["--config=\(config)"]).options
    #expect(options.weights == "1" && options.folder == "f" && options.epochs == 1)
    #expect(options.isCached && options.rate == 1e-7)
    try AtomicFile.write(
      text: #"{"weights": "1", "folder": "f", "learning-rate": 0.30000000000000004}"#, to: config)
    #expect(try parse(["--config", config]).options.rate == 0.1 + 0.2)
    try AtomicFile.write(text: #"{"weights": "1", "folder": "f", "epochs": true}"#, to: config)
    #expect(throws: UsageError.self) { try parse(["--config", config]) }
  }

  @Test("The resolved settings are printed with where each came from")
  func summary() throws {
    let text = try parse(needed + ["--preset", "smoke"]).summary
    #expect(text.contains("epochs         3  (preset)"))
    #expect(text.contains("limit          -  (default)"))
    #expect(text.contains("preset         smoke  (flag)"))
  }

  @Test("Every range says what it takes, and takes just that")
  func ranges() {
    for (range, text, inside, outside) in [
      (NumberRange.atLeast(0), "of at least 0", [0, 7], [-1]),
      (.above(0), "above 0", [0.1], [0, -2]),
      (.within(1, 3), "from 1 to 3", [1, 3], [0.9, 3.1]),
      (.from(0, below: 1), "from 0 to below 1", [0, 0.9], [1, -0.1]),
      (.between(0, 1), "between 0 and 1", [0.5], [0, 1]),
      (
        .multiple(of: 4, from: 8, to: 16), "that is a multiple of 4 from 8 to 16", [8, 12, 16],
        [10, 4]
      ),
    ] as [(NumberRange, String, [Double], [Double])] {
      #expect(Double.expectation(in: range) == "a number " + text)
      #expect([Int].expectation(in: range) == "a whole number \(text), or several with commas")
      #expect(inside.allSatisfy { range.contains([$0]) } && range.contains([]), "\(text)")
      #expect(outside.allSatisfy { !range.contains([$0]) && !range.contains(inside + [$0]) })
    }
  }

  @Test("Settings that are part of others are read, shown and configured like the rest")
  func parts() throws {
    let folder = try TemporaryDirectory()
    let config = folder.file("c.json")
    try AtomicFile.write(text: #"{"heat": 0.25}"#, to: config)
    let parsed = try parse(needed + ["--config", config, "--bellows", "3"])
    #expect(parsed.options.forge.heat == 0.25 && parsed.options.forge.bellows == 3)
    #expect(parsed.summary.contains("heat           0.25  (configuration)"))
    #expect(parsed.summary.contains("config         \(config)  (flag)"))
  }

  /// A wrong command line and the sentence for it.
  struct Fault: Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let sentence: String
    var testDescription: String { arguments.joined(separator: " ") }
    init(_ arguments: [String], _ sentence: String) {
      self.arguments = arguments
      self.sentence = sentence
    }
  }

  static let faults = [
    Fault(["--wieghts", "a"], "unknown option '--wieghts'. Did you mean '--weights'?"),
    Fault(["--hlep"], "unknown option '--hlep'. Did you mean '--help'?"),
    Fault(["--frobnicate"], "unknown option '--frobnicate'."),
    Fault(["-weights"], "unknown option '-weights'. Did you mean '--weights'?"),
    Fault(["--folder", "x"], "unknown option '--folder'."),
    Fault(["--epochs"], "option '--epochs' needs a whole number after it."),
    Fault(["--weights", "--cached"], "option '--weights' needs a text after it."),
    Fault(
      ["--weights", "--limit 6"],
      "option '--weights' needs a text after it; one that begins with '--' stands behind '=': "
        + "--weights='--limit 6'."),
    Fault(["--help=1"], "option '--help' is a switch and takes no value, got '1'."),
    Fault(["--epochs", "ten"], "option '--epochs' got 'ten', but must be a whole number."),
    Fault(["--learning-rate=nan"], "option '--learning-rate' got 'nan', but must be a number."),
    Fault(
      ["--preset", "tiny"], "option '--preset' got 'tiny', but must be one of smoke, mini, full."),
    Fault(
      ["--seeds", "1,,x"],
      "option '--seeds' got '1,,x', but must be a whole number, or several with commas."),
    Fault(["--cached=1"], "option '--cached' is a switch and takes no value, got '1'."),
    Fault(["--no-cached=1"], "option '--no-cached' is a switch and takes no value, got '1'."),
    Fault(["--no-epochs"], "unknown option '--no-epochs'. Did you mean '--epochs'?"),
    Fault(["a", "b"], "'b' belongs to no option."),
    Fault(["--heat", "2"], "option '--heat' got '2', but must be a number from 0 to 1."),
    Fault(
      ["--bellows=0"],
      "option '--bellows' got '0', but must be a whole number from 1 to 1000000000."),
    Fault(needed + ["--cached", "--seeds", "1,2,3,4"], "--cached takes 3 seeds at most."),
    Fault(["forge"], "option '--weights' is required."),
    Fault(["--weights", "w"], "<folder> is required."),
  ]

  @Test("Every mistake has its sentence", arguments: faults)
  func mistakes(fault: Fault) {
    let error = #expect(throws: UsageError.self) { try parse(fault.arguments) }
    #expect(error?.description == fault.sentence)
    #expect(error?.exitCode == .usage)
  }

  @Test("Mistakes in a configuration file name it")
  func configurationMistakes() throws {
    let folder = try TemporaryDirectory()
    let config = folder.file("c.json")
    for (text, problem) in [
      ("{\"epochs\": 1", "is cut off, its JSON ends too early, in line 1, byte 13"),
      ("{\"epochs\": 1,\n \"heat\": .5}", "is no valid JSON, in line 2, byte 10"),
      (
        "{\"epochs\": 1,\n \"epochs\": 2}",
        "has the key 'epochs' twice in one object, in line 2, byte 2"
      ),
      ("[1]", "is no JSON object of settings"),
      ("{\"epoch\": 1}", "has the unknown setting 'epoch'; did you mean 'epochs'"),
      ("{\"epochs\": \"x\"}", "gives 'epochs' the value 'x', but it must be a whole number"),
      ("{\"heat\": -1}", "gives 'heat' the value '-1', but it must be a number from 0 to 1"),
      ("{\"config\": \"d.json\"}", "has the unknown setting 'config'"),
      ("{\"epochs\": {}}", "gives 'epochs' a value that is no text, number or list of these"),
      ("{\"epochs\": null}", "gives 'epochs' a value that is no text, number or list of these"),
    ] {
      try AtomicFile.write(text: text, to: config)
      let error = #expect(throws: UsageError.self) { try parse(needed + ["--config", config]) }
      #expect(error?.description == "configuration file \(config) \(problem).")
    }
    let missing = #expect(throws: FileError.self) {
      try parse(needed + ["--config", folder.file("none.json")])
    }
    #expect(missing?.exitCode == .missingFile)
  }

  @Test("What is meant is guessed where most letters agree")
  func nearest() {
    #expect(nearestName(to: "sede", among: ["seed", "cache"]) == "seed")
    #expect(
      nearestName(to: "lerning-rate", among: ["learning-rate", "batch-size"]) == "learning-rate")
    #expect(nearestName(to: "budget", among: ["quiet"]) == nil)
    #expect(nearestName(to: "lr", among: ["mpi", "config"]) == nil)
  }

  @Test("Advice that a program cannot follow is left out of its errors")
  func advice() {
    let table = OptionTable<SmithyOptions>(name: "smithy", summary: "", usage: "", examples: [])
      .flag("quench", \.isCached, .run, "")
    let start = "a.png: is cut off; "
    let cases: [(String, String)] = [
      ("remove the file, or run with --on-bad-image skip", "remove the file"),
      ("use --quench, or --no-quench", "use --quench, or --no-quench"),
      ("use bench-other --anything", "use bench-other --anything"), ("remove it", "remove it"),
      ("remove it, or use --help", "remove it, or use --help"),
    ]
    for (remedy, expected) in cases {
      let fitted = table.fitting(start + remedy + ".")
      #expect(fitted == start + expected + ".")
    }
    #expect(table.fitting(start + "use --unknown 3.") == "a.png: is cut off.")
    #expect(table.fitting("nothing of the kind --unknown") == "nothing of the kind --unknown")
  }
}
