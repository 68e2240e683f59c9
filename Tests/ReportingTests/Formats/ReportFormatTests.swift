import Evaluation
import FileSupport
import Foundation
import Models
import TestSupport
import Testing

@testable import Reporting

@Suite("Report formats", .timeLimit(.minutes(5)))
struct ReportFormatTests {
  /// A report with every kind of table, chart and name that needs escaping.
  private func full() throws -> Comparison {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", seeds: [0, 1]) { image, seed in image < 150 + 2 * seed }
    try runs.linear("MoBY <b>&\"50%_x\"", slug: "odd") { image, _ in image < 145 }
    try runs.linear("Seeds", seeds: [0, 1]) { image, seed in image < 140 + 8 * seed }
    try runs.segmentation("Supervised") { 0.6 + 0.02 * Double($0 % 10) }
    try runs.segmentation("MoBY") { 0.6 + 0.02 * Double($0 % 7) }
    try runs.detection("Supervised", boxAP: 0.437)
    try runs.detection("MoBY", boxAP: 0.436)
    return try runs.comparison {
      $0.references = SyntheticRuns.references
      $0.offersBaselines = true
    }
  }

  /// Fields of one CSV text (RFC 4180).
  private func parsed(csv: String) -> [[String]] {
    var rows: [[String]] = [[""]]
    var isQuoted = false
    let characters = Array(csv.unicodeScalars)
    var at = 0
    while at < characters.count {
      let character = characters[at]
      at += 1
      if isQuoted {
        if character != "\"" {
          rows[rows.count - 1][rows[rows.count - 1].count - 1].unicodeScalars.append(character)
        } else if at < characters.count, characters[at] == "\"" {
          rows[rows.count - 1][rows[rows.count - 1].count - 1] += "\""
          at += 1
        } else {
          isQuoted = false
        }
      } else {
        switch character {
        case "\"": isQuoted = true
        case ",": rows[rows.count - 1].append("")
        case "\r": break
        case "\n": rows.append([""])
        default:
          rows[rows.count - 1][rows[rows.count - 1].count - 1].unicodeScalars.append(character)
        }
      }
    }
    return rows.dropLast()
  }

  @Test("CSV reads back: all numbers with all digits, and each origin named")
  func csv() throws {
    let comparison = try full()
    let rows = parsed(csv: comparison.csv)
    let head = try #require(rows.first)
    #expect(rows.allSatisfy { $0.count == head.count })
    func column(_ name: String) throws -> Int { try #require(head.firstIndex(of: name)) }
    let (cell, value, p, origin) = (
      try column("cell"), try column("value"), try column("p"), try column("origin")
    )
    for place in comparison.cells {
      let row = try #require(rows.first { $0[cell] == place.cell.id })
      #expect(Double(row[value]) == place.cell.value)
      #expect(Double(row[p]) == place.cell.delta?.adjustedPValue)
      #expect(row[origin] == "measured")
    }
    let published = rows.filter { $0[origin].hasPrefix("published") }
    let known = comparison.sections.flatMap(\.published).flatMap(\.figures)
    #expect(published.count == known.count && known.count > 100)
    // Every class of every row.
    let (name, method, count) = (try column("class"), try column("method"), try column("n"))
    let classes = rows.dropFirst().filter { !$0[name].isEmpty }
    let shown = comparison.sections.flatMap(\.rows)
    #expect(classes.count == shown.map(\.run.result.classes.count).reduce(0, +))
    #expect(!classes.isEmpty)
    for row in shown {
      for entry in row.run.result.classes {
        let line = try #require(
          classes.first { $0[name] == entry.name && $0[method] == row.name })
        #expect(Double(line[value]) == entry.measurement.value)
        #expect(line[count] == String(entry.measurement.count))
      }
    }
    #expect(rows.count == 1 + comparison.cells.count + classes.count + published.count)
  }

  @Test("JSON reads back and holds what the comparison holds")
  func json() throws {
    let comparison = try full()
    let text = comparison.json.text(isPretty: true)
    let read = try #require(JSONValue(parsing: Array(text.utf8)))
    #expect(read.text(isPretty: true) == text)
    #expect(read["tests"]?.intValue == comparison.testCount)
    let sections = try #require(read["sections"]?.arrayValue)
    #expect(sections.map { $0["task"]?.stringValue } == ["linear", "coco", "ade20k"])
    let rows = try #require(sections[2]["rows"]?.arrayValue)
    let delta = try #require(comparison.sections[2].rows[1].cells["mIoU"]?.delta)
    let difference = rows[1]["numbers"]?["mIoU"]?["difference"]
    #expect(difference?["estimate"]?.doubleValue == delta.estimate)
    #expect(difference?["verdict"]?.stringValue == delta.verdict.rawValue)
    let seeded = try #require(sections[0]["rows"]?.arrayValue).first {
      $0["method"]?.stringValue == "Seeds"
    }
    #expect(seeded?["numbers"]?["top1"]?["seeds"]?["values"]?.arrayValue?.count == 2)
    let classes = try #require(seeded?["classes"]?.arrayValue)
    #expect(classes.map { $0["name"]?.stringValue } == ["swan", "goose"])
    let swan = try #require(comparison.sections[0].details.first { $0.name == "Seeds" })
      .classes.first { $0.name == "swan" }
    #expect(classes[0]["difference"]?.doubleValue == swan.map { $0.value - $0.baseline })
    #expect(read["family"]?.arrayValue?.compactMap(\.stringValue) == comparison.family)
    #expect(seeded?["numbers"]?["top1"]?["difference"]?["variance"]?["training"] != nil)
  }

  @Test("LaTeX has booktabs rules, as many columns in every line, and nothing unescaped")
  func latex() throws {
    let latex = try full().latex
    #expect(latex.contains("\\toprule") && latex.contains("\\bottomrule"))
    #expect(
      latex.split(separator: "\\begin{").count == latex.split(separator: "\\end{").count)
    #expect(latex.contains("MoBY \\textless{}b\\textgreater{}\\&\"50\\%\\_x\""))
    for table in latex.components(separatedBy: "\\begin{tabular}{").dropFirst() {
      let columns = table.prefix { $0 != "}" }.count
      let body = table.components(separatedBy: "\\end{tabular}")[0]
      let lines = body.split(separator: "\n").filter { $0.hasSuffix(" \\\\") }
      #expect(!lines.isEmpty)
      for line in lines {
        let separators = line.replacing("\\&", with: "").count { $0 == "&" }
        #expect(separators == columns - 1, "\(line)")
      }
    }
    #expect(latex.allSatisfy { $0 != "−" && $0 != "±" && $0 != "†" })
  }

  @Test("Markdown tables have equal columns, and published figures carry their mark")
  func markdown() throws {
    let text = try full().markdown
    var width = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let bars = line.replacing("\\|", with: "").count { $0 == "|" }
      if line.hasPrefix("|") {
        #expect(width == 0 || bars == width, "\(line)")
        width = bars
      } else {
        width = 0
      }
    }
    #expect(text.contains("46.0 *published*") && text.contains("44.51 *published*"))
    #expect(text.contains("Mask R-CNN 3x"))
    #expect(text.contains("Seeds against Supervised is undecided ("))
  }

  @Test("The page is one well-formed file without addresses outside itself")
  func html() throws {
    let comparison = try full()
    let page = comparison.html
    #expect(!page.contains("http:") && !page.contains("https:") && !page.contains("url("))
    #expect(!page.contains("MoBY <b>") && page.contains("MoBY &lt;b&gt;&amp;&quot;50%_x&quot;"))
    #expect(!page.contains("nan") && !page.contains("inf\""))
    expectBalanced(page)
    // Every number leads to its source, which stands in the page as text.
    for place in comparison.cells {
      let anchor = place.row.anchor(of: place.metric)
      #expect(page.contains("href=\"#source-\(anchor)\" data-cell=\"\(place.cell.id)\""))
      #expect(page.contains("id=\"source-\(anchor)\"") && page.contains("id=\"\(anchor)\""))
    }
    let source = try #require(comparison.provenance(of: "linear/seeds/top1"))
    for fact in source.facts {
      let text = Reporting.html(fact.text)
      #expect(page.contains("<dt>\(fact.name)</dt><dd>\(text)</dd>"), "no \(fact.name)")
    }
    let ids = page.matches(of: /\sid="([^"]*)"/).map { String($0.1) }
    #expect(Set(ids).count == ids.count, "an id twice")
    let targets = page.matches(of: /href="#([^"]*)"/).map { String($0.1) }
    #expect(Set(targets).subtracting(ids).isEmpty, "a link that leads nowhere")
    for part in [
      "<caption>", "<svg", "what errors cost", "cat → dog", "prefers-color-scheme",
      "top-1: measured and published", "top-1 of every training", "against training time",
      "unknown: Supervised", "@media print",
    ] {
      #expect(page.contains(part), "no \(part)")
    }
  }

  @Test("Headings are buttons of columns with a scope, rows have one, and tables a caption")
  func tables() throws {
    let page = try full().html
    let tables = page.components(separatedBy: "<table").dropFirst()
    #expect(tables.count > 4)
    for rest in tables {
      let table = rest.components(separatedBy: "</table>")[0]
      #expect(table.contains("<caption><span>"))
      let heads = table.components(separatedBy: "</thead>")[0].components(separatedBy: "<th ")
      #expect(heads.count > 2)
      for head in heads.dropFirst() {
        #expect(head.hasPrefix("scope=\"col\"") && head.contains("<button type=\"button\">"))
      }
      for row in table.components(separatedBy: "<tr").dropFirst(2) {
        #expect(row.contains("<th scope=\"row\""))
      }
    }
  }

  @Test("Whatever can be a baseline is one, with the same words as when it is named")
  func baselines() throws {
    let runs = try SyntheticRuns()
    for (name, limit) in [("Supervised", 150), ("MoBY", 110), ("DINO", 148)] {
      try runs.linear(name) { image, _ in image < limit }
      try runs.segmentation(name) { 0.6 + 0.002 * Double($0 % 10 + limit) }
    }
    let comparison = try runs.comparison { $0.offersBaselines = true }
    #expect(comparison.choices.map(\.name) == ["DINO", "MoBY"])
    for choice in comparison.choices {
      let named = try runs.comparison { $0.baseline = choice.name }
      #expect(choice.comparison.json == named.json)
      #expect(named.testCount == 4)
    }
    let page = comparison.html
    expectBalanced(page)
    #expect(page.contains("<option value=\"to-moby\">MoBY</option>"))
    #expect(page.contains("data-base=\"to-moby\" hidden"))
    #expect(page.contains("data-base=\"usual\">") && !page.contains("data-base=\"usual\" hidden"))
    let delta = try #require(comparison.choices[1].comparison.sections[0].rows.last?.cells["top1"])
    #expect(page.contains(Reporting.html(try #require(delta.delta).explanation)))
    let single = try runs.comparison()
    #expect(single.choices.isEmpty && !single.html.contains("data-base=\"usual"))
  }

  @Test("A curve of a thousand updates is drawn as means, without its noise")
  func longCurve() throws {
    let page = try full().html
    #expect(page.contains("step; means of 7"))
    let paths = page.matches(of: /<path d="([^"]*)" class="curve/).map { String($0.1) }
    let long = try #require(paths.max { $0.count < $1.count })
    let heights = long.split { "ML".contains($0) }.compactMap { point in
      point.split(separator: " ").last.flatMap { Double($0) }
    }
    #expect(heights.count == 143)
    // Downwards on the page all the way: the alternation is gone.
    #expect(zip(heights, heights.dropFirst()).count { $0 < $1 } > 130)
  }

  @Test(
    "Numbers beyond all counting are drawn or left out, and the page ends",
    arguments: [
      1e16, -1e300, 1.7e308,
    ])
  func hugeNumbers(value: Double) throws {
    let runs = try SyntheticRuns()
    for name in ["Supervised", "MoBY"] {
      let folder = try runs.linear(name) { image, _ in image < 150 }
      var result = try RunResult(path: folder + "/result.json")
      result.curves["val_top1"] = [0.1, value, value]
      result.metrics["top5"] = MetricValue(
        value, interval: .init(low: -value, high: value), count: 200)
      result.classes[0].measurement.value = name == "MoBY" ? value : 0.5
      result.errorCosts["both"] = value
      try AtomicFile.write(text: result.json.text(), to: folder + "/result.json")
    }
    let comparison = try runs.comparison()
    expectBalanced(comparison.html)
    #expect(comparison.markdown.contains(/e\+|inf/) && !comparison.csv.isEmpty)
  }

  /// Every element is closed in the order that it was opened.
  private func expectBalanced(_ page: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let void: Set = ["meta", "img", "line", "circle", "!DOCTYPE", "i", "input"]
    var open: [String] = []
    var rest = page[...]
    while let start = rest.firstIndex(of: "<") {
      let after = rest.index(after: start)
      guard let end = rest[after...].firstIndex(of: ">") else { break }
      let tag = rest[after..<end]
      rest = rest[rest.index(after: end)...]
      let name = String(tag.drop { $0 == "/" }.prefix { !$0.isWhitespace && $0 != "/" })
      if tag.hasPrefix("/") {
        guard !void.contains(name) else { continue }
        guard open.popLast() == name else {
          Issue.record("</\(name)> closes nothing", sourceLocation: sourceLocation)
          return
        }
      } else if !tag.hasSuffix("/"), !void.contains(name) {
        open.append(name)
        if name == "style" || name == "script", let close = rest.range(of: "</\(name)>") {
          rest = rest[close.lowerBound...]
        }
      }
    }
    #expect(open.isEmpty, "left open: \(open)", sourceLocation: sourceLocation)
  }

  @Test("The same runs give the same bytes")
  func determinism() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised") { image, _ in image < 150 }
    try runs.segmentation("Supervised") { 0.6 + 0.02 * Double($0 % 10) }
    try runs.segmentation("MoBY") { 0.6 + 0.02 * Double($0 % 7) }
    let (first, second) = (try runs.comparison(), try runs.comparison())
    #expect(first.html == second.html && first.csv == second.csv && first.latex == second.latex)
  }
}

@Suite("Event files", .timeLimit(.minutes(5)))
struct EventFileTests {
  @Test("The checksum is Castagnoli's, masked as TFRecord does")
  func checksum() {
    // RFC 3720 gives the first; TensorBoard's own code both.
    #expect(EventFile.crc32c(Array("123456789".utf8)) == 0xE306_9283)
    #expect(EventFile.masked(0xE306_9283) == 0xC78A_B0E5)
  }

  @Test("Frames and messages read back as the points that were added")
  func frames() throws {
    var file = EventFile()
    file.add(tag: "loss", value: 0.5, step: 300)
    var at = 0
    var messages: [[UInt8]] = []
    func number(_ range: Range<Int>) -> UInt64 {
      range.reversed().reduce(0) { $0 << 8 | UInt64(file.bytes[$1]) }
    }
    while at < file.bytes.count {
      let length = Int(number(at..<at + 8))
      let head = Array(file.bytes[at..<at + 8])
      #expect(number(at + 8..<at + 12) == UInt64(EventFile.masked(EventFile.crc32c(head))))
      let message = Array(file.bytes[at + 12..<at + 12 + length])
      at += 12 + length
      #expect(number(at..<at + 4) == UInt64(EventFile.masked(EventFile.crc32c(message))))
      at += 4
      messages.append(message)
    }
    #expect(messages.count == 2)
    #expect(messages[0] == [9, 0, 0, 0, 0, 0, 0, 0, 0, 0x1A, 13] + Array("brain.Event:2".utf8))
    // wall_time 0; step 300 = AC 02; summary { value { tag "loss", simple_value 0.5 } }
    #expect(
      messages[1] == [9, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0xAC, 0x02, 0x2A, 13, 0x0A, 11, 0x0A, 4]
        + Array("loss".utf8) + [0x15, 0, 0, 0, 0x3F])
  }
}
