import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing

@testable import Reporting

/// Runs whose names were chosen to become markup, commands, formulas or paths.
@Suite("Hostile names", .timeLimit(.minutes(5)))
struct HostileNamesTests {
  static let names = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</style></script><svg onload=alert(1)>", "&lt;b&gt;", "=HYPERLINK(\"x\";\"y\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(A1)", "-2+3", "\\input{/etc/passwd}", "$\\write18{id}$", "a}b{c%d#e&f_g^h~i",
    "../../../up",
    "/etc/passwd", "line\r\nend", "tab\there", "| a | b |", "\u{202E}evil\u{0}",
  ]

  private func comparison(_ name: String) throws -> Comparison {
    let runs = try SyntheticRuns()
    var (count, folders): (Int, [String]) = (0, [])
    for title in ["Supervised", name] {
      folders.append(
        try runs.linear(title, slug: "run-\(count)", architecture: "net \(name)") { image, _ in
          image < 150 + 20 * count
        })
      count += 1
    }
    for folder in folders {
      var result = try RunResult(path: folder + "/result.json")
      result.task = "linear"
      result.data["name"] = name
      result.settings["set"] = name
      result.notes = [name]
      result.classes = result.classes.map { (name + $0.name, $0.measurement) }
      result.curves[name] = [0.1, 0.2]
      result.errorCosts[name] = 0.1
      try runs.write(result, to: folder, command: name)
      try RunImages(
        root: "data", indices: Array(0..<200), paths: (0..<200).map { "\(name)/\($0).png" }
      ).write(to: folder)
    }
    // A task that nobody knows.
    var other = RunResult(
      task: name, backbone: ["name": name], data: ["name": name], settings: [:])
    other.metrics[name] = MetricValue(0.5, count: 10)
    try runs.write(other, to: runs.path + "/other", command: name)
    return try runs.comparison {
      $0.offersBaselines = true
      $0.ownPictures = { _ in
        [
          RunPictures(
            index: 0, path: name,
            pictures: GalleryPictures(
              pictures: [.init(caption: name, bytes: [1], mediaType: name)], missing: [name]))
        ]
      }
      $0.pictures = { _, _, images in
        images.map { _ in
          GalleryPictures(
            pictures: [.init(caption: name, bytes: [1], mediaType: "image/png")], missing: [name])
        }
      }
    }
  }

  @Test("In the page they are text", arguments: names)
  func page(name: String) throws {
    let page = try comparison(name).html
    // Every tag is one that the page has of itself, with attributes of its own.
    let tags = Set(page.matches(of: /<([a-zA-Z!]+)/).map { String($0.1) })
    let own: Set = [
      "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "header", "div", "h", "p",
      "span",
      "button", "nav", "a", "main", "form", "label", "select", "option", "input", "output",
      "section",
      "b", "small", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "i",
      "figure",
      "figcaption", "svg", "path", "text", "line", "circle", "rect", "g", "img", "details",
      "summary",
      "dl", "dt", "dd", "em", "code", "dialog", "script",
    ]
    #expect(tags.subtracting(own).isEmpty, "\(tags.subtracting(own))")
    #expect(page.components(separatedBy: "<script").count == 2)
    #expect(page.components(separatedBy: "</script").count == 2)
    #expect(page.components(separatedBy: "</style").count == 2)
    for tag in page.components(separatedBy: "<script")[0].matches(of: /<[a-z][^>]*>/) {
      // What stands between quotation marks is a value.
      let names = tag.0.replacing(/"[^"]*"/, with: "")
      #expect(!names.contains(/\son[a-z]+\s*=/), "\(tag.0)")
    }
  }

  @Test("In LaTeX they are text", arguments: names)
  func latex(name: String) throws {
    let latex = try comparison(name).latex
    for command in ["\\input{/", "\\write18", "$\\"] where name.contains(command) {
      #expect(!latex.contains(name))
    }
    #expect(!latex.contains("\\input{/") && !latex.contains("\\write"))
    // Braces and environments close, and no label holds what is special.
    let plain = latex.replacing("\\{", with: "").replacing("\\}", with: "")
    #expect(plain.count { $0 == "{" } == plain.count { $0 == "}" })
    for label in latex.matches(of: /\\label\{([^}]*)\}/) {
      #expect(label.1.dropFirst(4).allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" })
    }
    for line in latex.split(separator: "\n") where line.contains(" & ") {
      #expect(line.hasSuffix("\\\\"), "\(line)")
    }
  }

  @Test("In CSV no field is a formula", arguments: names)
  func csv(name: String) throws {
    let csv = try comparison(name).csv
    let fields = csv.split { $0 == "," || $0.isNewline }.map { field in
      field.hasPrefix("\"") ? field.dropFirst() : field
    }
    for field in fields where "=+-@\t".contains(field.first ?? " ") {
      #expect(Double(field.replacing("\"", with: "")) != nil, "\(field)")
    }
  }

  @Test("Numbers that are below zero stay numbers in CSV")
  func negative() {
    var table = Table(caption: "", columns: [.init("a"), .init("b"), .init("c")])
    table.add(["-0.5", "-", "-x"])
    #expect(table.csv == "a,b,c\r\n-0.5,-,'-x\r\n")
  }

  @Test("Markdown tables keep their columns", arguments: names)
  func markdown(name: String) throws {
    var width: Int?
    for line in try comparison(name).markdown.split(
      separator: "\n", omittingEmptySubsequences: false)
    {
      guard line.hasPrefix("|") else {
        width = nil
        continue
      }
      let bars = line.replacing("\\|", with: "").count { $0 == "|" }
      #expect(width == nil || width == bars, "\(line)")
      width = bars
    }
  }

  @Test(
    "Names of tables and rows are no paths, so that what is named by them stays in its folder",
    arguments: names)
  func folders(name: String) throws {
    for section in try comparison(name).sections {
      for row in section.rows {
        for part in [section.id, row.slug, row.anchor] {
          #expect(part.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }, "\(part)")
        }
      }
    }
  }

  @Test(
    "A result that names files outside of its folder is left out before they are read",
    arguments: ["../outside", "/dev/zero", "a/../../outside"])
  func files(name: String) throws {
    let runs = try SyntheticRuns()
    let folder = try runs.linear("Supervised") { image, _ in image < 150 }
    var result = try RunResult(path: folder + "/result.json")
    result.files[name] = "0"
    try runs.write(result, to: folder, command: "")
    let catalogue = try RunCatalogue(paths: [runs.path])
    #expect(catalogue.runs.isEmpty)
    #expect(catalogue.leftOut.first?.reason.contains("outside of its folder") == true)
  }

  @Test("An image's path that leaves the data's folder is none")
  func images() {
    let images = RunImages(
      root: "data", indices: [0, 1, 2, 3],
      paths: ["a/b.png", "../c.png", "/etc/d.png", "e/../../f"])
    #expect((0..<5).map { images.path(of: $0) } == ["a/b.png", nil, nil, nil, nil])
  }
}
