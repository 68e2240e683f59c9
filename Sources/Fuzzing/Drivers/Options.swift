import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Harness

/// Values that no option was made for, given to every option of every command.
struct OptionDriver: FuzzDriver {
  static let name = "options"
  private let path: String

  private static let values: [String] = [
    "-1", "0", "1", "2", "3", "4", "16", "32", "64", "100", "0.5", "0.999", "2147483648",
    "4611686018427387904", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "NaN", "nan", "inf", "-inf", "1e300", "-1e300", "1e-300", "1e9", "1e6", "1000000", "4096", "",
    " ", ",", "0,0", "0,1,2", "1,-1", "-0", "0x10", "1e999", "true", "false", "\u{0}", "\n", "é",
    "../..", "/", "/dev/null", "smoke", "mini", "full", "random", "none", "target", "online", "all",
    "moby", "byol", "dino", "dino-multicrop", "moco-v2", "moco-v3", "supervised", "swin-t",
    "swin-mini",
    "deit-s", "moco-vit-s", "paper", "transformer", "keep", "mend", "adamw", "sgd", "lars",
    "cascade-1x", "mask-rcnn-1x", "upernet-160k", "skip", "fail", "ms-flip", "--", "--help",
    String(repeating: "9", count: 400), String(repeating: "x", count: 100_000),
    (0..<2000).map(String.init).joined(separator: ","),
  ]

  init(folder: String) throws { path = folder + "/settings.json" }

  mutating func read(_ random: inout RandomStream) throws {
    let command = random.pick(CommandTrial.all)
    var arguments: [String] = []
    var settings: [String] = []
    for _ in 0..<random.pick([1, 1, 1, 2, 3, 5]) {
      let option = random.pick(command.options)
      let value =
        option.choices.isEmpty || random.once(in: 6)
        ? random.pick(Self.values) : random.pick(option.choices)
      if option.isPositional {
        arguments.append(value)
      } else if option.name == "config" || random.once(in: 12) {
        settings.append("\(JSONValue.string(option.name).text()):\(literal(value, &random))")
      } else if option.takesValue {
        arguments +=
          random.once(in: 2) ? ["--\(option.name)=\(value)"] : ["--" + option.name, value]
      } else {
        arguments.append((random.once(in: 2) ? "--" : "--no-") + option.name)
      }
    }
    // What must be given is given, so that most inputs come further.
    for option in command.options where option.isRequired && !random.once(in: 10) {
      arguments += option.isPositional ? ["x"] : ["--\(option.name)", "x"]
    }
    if !settings.isEmpty {
      var text = Array("{\(settings.joined(separator: ","))}".utf8)
      if random.once(in: 4) { text = JSONMutation(text).changed(&random) }
      try AtomicFile.write(text, to: path)
      arguments += ["--config", path]
    }
    if random.once(in: 20) { arguments.append(random.pick(Self.values)) }
    _ = try command.run(arguments)
  }

  /// A value as JSON, or another one.
  private func literal(_ value: String, _ random: inout RandomStream) -> String {
    random.once(in: 2) ? JSONValue.string(value).text() : random.pick(JSONMutation.values)
  }
}
