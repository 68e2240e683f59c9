import FileSupport
import Foundation

/// Useful part of the machines' time over their number, as a drawing that stands by itself.
///
/// The report's charts take their colours from its page; this one is a file.
struct ClusterChart {
  struct Line {
    let name: String
    let color: Int
    let isDashed: Bool
    let points: [(nodes: Int, efficiency: Double)]
  }

  private let lines: [Line]
  private let note: String
  private let left = 44.0
  private let right = 420.0
  private let top = 12.0
  private let bottom = 232.0
  private let colors = ["#0072b2", "#009e73", "#d55e00", "#cc79a7"]

  /// - Parameter note: What solid and dashed lines are.
  init(_ lines: [Line], note: String) {
    self.lines = lines
    self.note = note
  }

  private func x(_ nodes: Int) -> Double { left + (right - left) * log2(Double(nodes)) / 8 }
  private func y(_ efficiency: Double) -> Double { bottom - (bottom - top) * min(1, efficiency) }
  private func number(_ value: Double) -> String { String(format: "%.1f", value) }

  private func text(_ x: Double, _ y: Double, _ words: String, anchor: String = "start") -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(words)</text>"
  }

  var svg: String {
    let height = bottom + 40 + 15 * Double(lines.count { !$0.isDashed } + 1)
    var out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 440 \(number(height))\" "
      + "font-family=\"sans-serif\" font-size=\"10\"><rect width=\"100%\" height=\"100%\" "
      + "fill=\"white\"/>\n"
    for percent in stride(from: 0, through: 100, by: 25) {
      let level = number(y(Double(percent) / 100))
      out +=
        "<path d=\"M\(number(left)) \(level)H\(number(right))\" stroke=\"#ddd\"/>"
        + text(left - 5, y(Double(percent) / 100) + 3.5, "\(percent) %", anchor: "end") + "\n"
    }
    for power in 0...8 {
      out += text(x(1 << power), bottom + 14, "\(1 << power)", anchor: "middle")
    }
    out += text(right, bottom + 27, "machines; forecast, not measured", anchor: "end") + "\n"
    var row = bottom + 42
    for line in lines {
      let path = line.points.map { "\(number(x($0.nodes))) \(number(y($0.efficiency)))" }
      let style =
        "fill=\"none\" stroke=\"\(colors[line.color % colors.count])\" stroke-width=\"1.6\""
        + (line.isDashed ? " stroke-dasharray=\"5 3\"" : "")
      out += "<path d=\"M\(path.joined(separator: "L"))\" \(style)/>"
      if !line.isDashed {
        out +=
          "<path d=\"M\(number(left)) \(number(row))h24\" \(style)/>"
          + text(left + 30, row + 3.5, line.name)
        row += 15
      }
      out += "\n"
    }
    out += text(left, row + 3.5, note) + "\n"
    return out + "</svg>\n"
  }

  /// Writes the drawing.
  func write(to path: String) throws { try AtomicFile.write(text: svg, to: path) }
}
