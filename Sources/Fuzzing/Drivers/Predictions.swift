import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Scoring

/// Classes and logits that were predicted elsewhere, the labels that they are held against, and the
/// names of the classes.
struct PredictionDriver: FuzzDriver {
  static let name = "predictions"
  private let folder: String

  private static let images = ["a/1.png", "a/2.png", "b/3.png", "b/4.png", "c/5.png", "c/6.png"]
  private static let classes = ["a", "b", "c"]

  init(folder: String) throws {
    self.folder = folder
    for image in Self.images { try AtomicFile.write([0], to: folder + "/images/" + image) }
  }

  mutating func read(_ random: inout RandomStream) throws {
    let names = random.pick([
      Self.classes, ["0", "1", "2"], ["1", "2", "3"], ["b", "a", "c", "d"],
    ])
    let predictions = folder + "/predictions"
    try AtomicFile.write(
      changed(random.once(in: 2) ? lines(names, &random) : table(names, &random), &random),
      to: predictions)
    var truth = folder + "/images"
    if !random.once(in: 4) {
      truth = folder + "/labels"
      try AtomicFile.write(changed(labels(names, &random), &random), to: truth)
    }
    var arguments = ["--predictions", predictions, "--ground-truth", truth]
    if random.once(in: 2) {
      let map = folder + "/classes"
      let list = names.map { "\"\($0)\"" }.joined(separator: ",")
      try AtomicFile.write(
        changed(
          random.once(in: 2) ? Array("[\(list)]".utf8) : Array(names.joined(separator: "\n").utf8),
          &random), to: map)
      arguments += ["--class-map", map]
    }
    let options = try ClassificationEvaluationOptions.table.parse(arguments).options
    _ = try EvaluateClassification(options).texts()
  }

  /// A text, sound once in three, with bytes or tokens changed elsewhere.
  private func changed(_ text: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    switch random.below(6) {
    case 0, 1: return text
    case 2: return ByteMutation.changed(text, &random)
    case 3 where text.first == UInt8(ascii: "{"):
      var lines = text.split(separator: UInt8(ascii: "\n")).map(Array.init)
      guard !lines.isEmpty else { return text }
      let at = random.below(lines.count)
      lines[at] = JSONMutation(lines[at]).changed(&random)
      return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    case 3 where text.first == UInt8(ascii: "["): return JSONMutation(text).changed(&random)
    default: return cells(text, &random)
    }
  }

  /// A table with fields and rows moved, lost, doubled and replaced.
  private func cells(_ text: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    var rows = String(decoding: text, as: UTF8.self).components(separatedBy: "\n")
      .map { $0.components(separatedBy: ",") }
    for _ in 0...random.below(4) {
      let row = random.below(rows.count)
      let column = random.below(rows[row].count)
      switch random.below(8) {
      case 0: rows.remove(at: row)
      case 1: rows.insert(rows[row], at: random.below(rows.count))
      case 2: rows[row].remove(at: column)
      case 3: rows[row].insert(rows[row][column], at: column)
      case 4: rows.swapAt(row, random.below(rows.count))
      case 5:
        let other = random.pick(rows)
        rows[row][column] = other.isEmpty ? "" : random.pick(other)
      default: rows[row][column] = random.pick(Self.fields)
      }
      rows.removeAll(where: \.isEmpty)
      if rows.isEmpty { rows = [[""]] }
    }
    return Array(rows.map { $0.joined(separator: ",") }.joined(separator: "\n").utf8)
  }

  /// What may stand for a field.
  private static let fields = [
    "", " ", "image", "label", "prediction", "top1", "top2", "a", "1", "-1", "0.0", "1.", ".5",
    "1e400", "-1e400", "nan", "inf", "-inf", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "99999999", "\"", "\"a\"", "\"a\"\"b\"", "\"a\n", "é", "e\u{301}", "\r",
    "\u{FEFF}", "../a/1.png", "C:\\x\\a\\1.png", "a/1", "1.png", "/",
    String(repeating: "x", count: 5000),
  ]

  // MARK: Sound files

  private func labels(_ names: [String], _ random: inout RandomStream) -> [UInt8] {
    let rows = Self.images.enumerated().map { ($1, names[$0 / 2]) }
    let text =
      random.once(in: 2)
      ? "image,label\n" + rows.map { "\($0),\($1)\n" }.joined()
      : rows.map { "{\"image\":\"\($0)\",\"label\":\"\($1)\"}\n" }.joined()
    return Array(text.utf8)
  }

  private func table(_ names: [String], _ random: inout RandomStream) -> [UInt8] {
    func row(_ image: String, _ number: Int) -> [String] {
      (0..<names.count).map { $0 == number % names.count ? "2.5" : "-0.5" }
    }
    let kind = random.below(4)
    var rows = [
      ["image"] + [["prediction"], ["top1", "top2"], names, names.indices.map(String.init)][kind]
    ]
    for (number, image) in Self.images.enumerated() {
      let name = names[number % names.count]
      let second = names[(number + 1) % names.count]
      rows.append(
        [image] + [[name], [name, second], row(image, number), row(image, number)][kind])
    }
    return Array(rows.map { $0.joined(separator: ",") + "\n" }.joined().utf8)
  }

  private func lines(_ names: [String], _ random: inout RandomStream) -> [UInt8] {
    let kind = random.below(4)
    let text = Self.images.enumerated().map { number, image -> String in
      let name = names[number % names.count]
      let scores = names.indices.map { $0 == number % names.count ? "1" : "0" }.joined(
        separator: ",")
      let answer = [
        "\"prediction\":\"\(name)\"", "\"predictions\":[\"\(name)\"]", "\"logits\":[\(scores)]",
        "\"probabilities\":[\(scores)]",
      ][kind]
      return "{\"image\":\"\(image)\",\(answer)}\n"
    }.joined()
    return Array(text.utf8)
  }
}
