import Evaluation
import Foundation

extension Charts {
  /// A row of a chart of values: dots on one line, perhaps with an interval.
  struct Dots {
    let name: String
    /// Number of the row's colour; nil for a figure that was not measured here, drawn hollow.
    let color: Int?
    /// Fractions, as in tables' cells before they are written.
    let values: [Double]
    let interval: Interval?
  }

  /// Values one row below the other on a common axis; a line marks the mean of several.
  static func dots(_ rows: [Dots], unit: MetricUnit, label: String) -> String {
    let (left, right, rowHeight, top) = (184.0, width - 12, 20.0, 4.0)
    let axis = ChartAxis(
      rows.flatMap { $0.values + [$0.interval?.low, $0.interval?.high].compactMap { $0 } }
        .filter(\.isFinite).map { $0 * unit.scale })
    let bottom = top + rowHeight * Double(rows.count)
    func x(_ value: Double) -> Double { axis.position(value * unit.scale, from: left, to: right) }
    var out = columns(axis, from: left, to: right, top: top, bottom: bottom, labelsBelow: 14)
    for (number, row) in rows.enumerated() {
      let y = top + rowHeight * (Double(number) + 0.5)
      let style = row.color.map { "s\($0)" } ?? "published"
      out +=
        "<g class=\"row \(style)\"><title>\(html(row.name)): "
        + html(row.values.map { unit.text($0) }.joined(separator: ", ")) + "</title>"
      out += text(left - 8, y + 4, shortened(row.name, 25), "label", anchor: "end")
      if let interval = row.interval, interval.low.isFinite, interval.high.isFinite {
        out += line(x(interval.low), y, x(interval.high), y, "reach")
      }
      let known = row.values.filter { abs($0) <= 1e300 }
      if known.count > 1 {
        let mean = x(Spread(known).mean)
        out += line(mean, y - 7, mean, y + 7, "reach")
      }
      for value in known { out += dot(x(value), y, "point") }
      out += "</g>"
    }
    return svg(height: bottom + 20, label: label, out)
  }

  /// A point of a scatter chart.
  struct Point {
    let name: String
    /// Number of the row's colour.
    let color: Int
    let x, y: Double
  }

  /// A number against a positive size on a logarithmic axis.
  static func scatter(_ points: [Point], unit: MetricUnit, xLabel: String) -> String {
    let (left, right, top, bottom) = (40.0, width - 12, 10.0, 180.0)
    // Times are noted in tenths of a second: none is below half of one, whatever it says.
    let known = points.filter { $0.x >= 0 && $0.x <= 1e300 && abs($0.y) <= 1e300 }
      .map { Point(name: $0.name, color: $0.color, x: max(0.05, $0.x), y: $0.y) }
    let axis = ChartAxis(known.map { $0.y * unit.scale })
    // Whole powers of ten around all sizes.
    let low = (known.map(\.x).min().map { log10($0) } ?? 0).rounded(.down)
    let high = max(low + 1, (known.map(\.x).max().map { log10($0) } ?? 1).rounded(.up))
    func x(_ value: Double) -> Double {
      left + (log10(value) - low) / (high - low) * (right - left)
    }
    var out = levels(axis, from: left, to: right, bottom: bottom, top: top)
    for power in stride(from: low, through: high, by: 1) {
      let place = left + (power - low) / (high - low) * (right - left)
      out += line(place, top, place, bottom, "rule")
      let size = power >= 0 ? fixed(pow(10, power), 0) : fixed(pow(10, power), Int(-power))
      out += text(place, bottom + 15, size, "tick", anchor: "middle")
    }
    for point in known {
      let y = axis.position(point.y * unit.scale, from: bottom, to: top)
      out +=
        "<g class=\"row s\(point.color)\"><title>\(html(point.name)): "
        + "\(html(unit.text(point.y))), \(html(fixed(point.x, 1))) \(html(xLabel))</title>"
        + dot(x(point.x), y, "point") + "</g>"
    }
    out += text(right, bottom + 29, xLabel, "tick", anchor: "end")
    return svg(height: bottom + 34, label: "Against \(xLabel)", out)
  }
}
