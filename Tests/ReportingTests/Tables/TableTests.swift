import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Testing

@testable import Reporting

@Suite("Tables", .timeLimit(.minutes(5)))
struct TableTests {
  private func sample() -> Table {
    var table = Table(
      caption: "Linear probe", columns: [.init("method", isNumeric: false), .init("top-1")],
      notes: ["n = 1000"])
    table.add(["MoBY", percentage(0.753, Proportions.wilson(successes: 753, of: 1000))])
    table.add(["a|b", "-"])
    return table
  }

  @Test("Numbers that are no measurements are shown, not counted")
  func wild() {
    #expect(percentage(1e300) == "1e+302" && percentage(-1e14) == "-1e+16")
    #expect(percentage(.infinity) == "-" && percentage(.nan) == "-")
    #expect(percentage(0.5, Interval(low: -.infinity, high: 1e22)) == "50.0 [-, 1e+24]")
    for values in [
      [1e300, -1e300], [.infinity, 1], [1e16, 1e16 + 2], [9e11, -9e11], [9e11, 9e11 + 1e-3],
      [1e-300],
      [.nan], [],
    ] {
      let axis = ChartAxis(values)
      #expect((2...9).contains(axis.ticks.count), "\(values): \(axis.ticks.count) lines")
      #expect(axis.low < axis.high)
    }
    let plain = ChartAxis([0.2, 0.4, 0.9])
    #expect(plain.low <= 0.2 && plain.high >= 0.9 && plain.ticks.count <= 6)
  }

  @Test("Markdown is aligned, so that it reads well without rendering")
  func markdown() {
    #expect(
      sample().markdown == """
        **Linear probe**

        | method |             top-1 |
        |--------|------------------:|
        | MoBY   | 75.3 [72.5, 77.9] |
        | a\\|b   |                 - |

        - n = 1000

        """)
  }

  @Test("A fraction beyond all counting is written, not a trap", arguments: [1e16, -1e16, 1e300])
  func hugeFractions(value: Double) {
    #expect(percentage(value) == "\(value * 100)")
    #expect(MetricUnit.percent.difference(value).contains("e"))
    #expect(percentage(0.5, Interval(low: -value, high: value)).hasPrefix("50.0 ["))
  }

  @Test("A line end in a cell does not break the Markdown row")
  func lineEnds() {
    var table = Table(caption: "c", columns: [.init("a")])
    table.add(["x\ny\r\nz"])
    #expect(table.markdown.contains("| x y z |"))
  }

  @Test("CSV quotes commas, quotes and every kind of line end, and nothing else")
  func csv() {
    var table = Table(caption: "c", columns: [.init("a"), .init("b,c")])
    table.add(["plain text", "say \"x\""])
    table.add(["one\ntwo", "one\r\ntwo"])
    table.add(["é|", ""])
    #expect(
      table.csv == "a,\"b,c\"\r\nplain text,\"say \"\"x\"\"\"\r\n"
        + "\"one\ntwo\",\"one\r\ntwo\"\r\né|,\r\n")
  }

  @Test("The document holds caption, headings, rows and notes")
  func json() {
    #expect(
      sample().json.text()
        == #"{"caption":"Linear probe","columns":["method","top-1"],"notes":["n = 1000"],"#
        + #""rows":[["MoBY","75.3 [72.5, 77.9]"],["a|b","-"]]}"#)
  }

  @Test(
    "Percentages have one digit after the point, rounded half up",
    arguments: [
      (0.753, "75.3"), (1.0, "100.0"), (0.0, "0.0"), (0.0005, "0.1"), (0.99951, "100.0"),
      (-0.0123, "-1.2"), (Double.nan, "-"),
    ])
  func percentages(value: Double, text: String) {
    #expect(percentage(value) == text)
  }
}
