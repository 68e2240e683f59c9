extension Charts {
  /// The square from 0 to 1 with its lines and the names of its axes.
  private static func square(
    label: String, xLabel: String, yLabel: String,
    _ content: (_ x: (Double) -> Double, _ y: (Double) -> Double) -> String
  ) -> String {
    let (left, right, top, bottom) = (40.0, width - 12, 10.0, 210.0)
    func x(_ value: Double) -> Double { left + min(1, max(0, value)) * (right - left) }
    func y(_ value: Double) -> Double { bottom - min(1, max(0, value)) * (bottom - top) }
    var out = ""
    for tick in stride(from: 0.0, through: 1.001, by: 0.25) {
      out +=
        line(left, y(tick), right, y(tick), "rule") + line(x(tick), top, x(tick), bottom, "rule")
        + text(left - 5, y(tick) + 3.5, fixed(tick, 2), "tick", anchor: "end")
        + text(x(tick), bottom + 15, fixed(tick, 2), "tick", anchor: "middle")
    }
    out += content(x, y)
    out += text(right, bottom + 29, xLabel, "tick", anchor: "end")
    out += text(left, bottom + 29, "↑ " + yLabel, "tick")
    return svg(height: bottom + 34, label: label, out)
  }

  /// Curves of fractions against fractions: precision against recall.
  static func lines(_ plot: RunPlots.Lines) -> String {
    square(label: plot.title, xLabel: plot.xLabel, yLabel: plot.yLabel) { x, y in
      plot.lines.enumerated().map { number, curve in
        let points = zip(curve.x, curve.y).filter { $0.isFinite && $1.isFinite }
          .map { place(x($0)) + " " + place(y($1)) }
        return points.isEmpty
          ? ""
          : "<path d=\"M\(points.joined(separator: "L"))\" class=\"curve s\(number % 8)\"><title>"
            + html(curve.name) + "</title></path>"
      }.joined()
    }
  }

  /// Points of several kinds, as large as they come: the axes have no numbers, only one unit.
  static func cloud(_ plot: RunPlots.Lines) -> String {
    let (left, right, top, bottom) = (12.0, width - 12, 10.0, 260.0)
    let known = plot.lines.flatMap { zip($0.x, $0.y) }.filter { $0.isFinite && $1.isFinite }
    guard let first = known.first else { return "" }
    var (low, high) = (first, first)
    for point in known {
      low = (min(low.0, point.0), min(low.1, point.1))
      high = (max(high.0, point.0), max(high.1, point.1))
    }
    let span = max(high.0 - low.0, 1e-12), rise = max(high.1 - low.1, 1e-12)
    let scale = min((right - left) / span, (bottom - top) / rise)
    func x(_ value: Double) -> Double { (left + right) / 2 + (value - low.0 - span / 2) * scale }
    func y(_ value: Double) -> Double { (top + bottom) / 2 - (value - low.1 - rise / 2) * scale }
    var out = ""
    for (number, group) in plot.lines.enumerated() {
      for (a, b) in zip(group.x, group.y) where a.isFinite && b.isFinite {
        out += dot(x(a), y(b), radius: 2, "point s\(number % 8)", title: group.name)
      }
    }
    if !plot.xLabel.isEmpty { out += text(right, bottom + 15, plot.xLabel, "tick", anchor: "end") }
    if !plot.yLabel.isEmpty { out += text(left, bottom + 15, "↑ " + plot.yLabel, "tick") }
    return svg(height: bottom + 20, label: plot.title, out)
  }

  /// How often answers are right against how sure they were.
  ///
  /// On the diagonal they are right as often as they say. Dots are as large as their bins have answers.
  static func reliability(_ plot: RunPlots.Reliability, color: Int) -> String {
    let most = Double(max(1, plot.bins.map(\.count).max() ?? 1))
    return square(label: plot.title, xLabel: "confidence", yLabel: "right") { x, y in
      let known = plot.bins.filter {
        $0.confidence.isFinite && $0.accuracy.isFinite && $0.count > 0
      }
      let points = known.map { place(x($0.confidence)) + " " + place(y($0.accuracy)) }
      var out = line(x(0), y(0), x(1), y(1), "zero")
      if points.count > 1 {
        out += "<path d=\"M\(points.joined(separator: "L"))\" class=\"curve thin s\(color)\"/>"
      }
      for bin in known {
        let radius = 2.5 + 5 * (Double(bin.count) / most).squareRoot()
        out += dot(
          x(bin.confidence), y(bin.accuracy), radius: radius, "point s\(color)",
          title: "confidence \(percentage(bin.confidence)) %, right \(percentage(bin.accuracy)) %, "
            + "n \(bin.count)")
      }
      return out
    }
  }

  /// Shares as the darkness of cells; the number of each is its title, and stands in it where there is
  /// room.
  static func heat(_ plot: RunPlots.Heat) -> String {
    let (left, top, longest) = (104.0, 62.0, 26.0)
    let step = min(longest, (width - left - 4) / Double(max(1, plot.columns.count)))
    // Labels closer than their height would cover each other.
    let every = max(1, Int((11 / step).rounded(.up)))
    var out = ""
    for (column, name) in plot.columns.enumerated() where column % every == 0 {
      let place = left + step * (Double(column) + 0.5)
      out +=
        "<g transform=\"translate(\(Reporting.place(place + 3)) \(Reporting.place(top - 5))) rotate(-60)\">"
        + text(0, 0, shortened(name, 10), "tick") + "</g>"
    }
    for (row, name) in plot.rows.enumerated() {
      let y = top + step * Double(row)
      if row % every == 0 {
        out += text(left - 5, y + step / 2 + 4, shortened(name, 16), "label", anchor: "end")
      }
      for (column, value) in plot.values[row].enumerated() {
        let share = value.isFinite ? min(1, max(0, value)) : 0
        let x = left + step * Double(column)
        out +=
          "<rect x=\"\(place(x))\" y=\"\(place(y))\" width=\"\(place(step - 0.5))\" "
          + "height=\"\(place(step - 0.5))\" class=\"heat\" style=\"fill-opacity:\(fixed(share, 2))\">"
          + "<title>\(html(name)) → \(html(plot.columns[column])): \(percentage(value)) %</title></rect>"
        if step >= 18, share >= 0.005 {
          out += text(
            x + step / 2, y + step / 2 + 4, fixed(share * 100, 0), share > 0.55 ? "over" : "tick",
            anchor: "middle")
        }
      }
    }
    return svg(height: top + step * Double(plot.rows.count) + 4, label: plot.title, out)
  }
}
