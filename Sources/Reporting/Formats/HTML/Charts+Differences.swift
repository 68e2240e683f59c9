import Evaluation

extension Charts {
  /// Differences with their intervals around a line at zero, one below the other.
  static func forest(_ entries: [(name: String, delta: Delta)]) -> String {
    let (left, right, rowHeight, top) = (12.0, width - 12, 40.0, 8.0)
    let scale = entries.first?.delta.metric.unit.scale ?? 1
    let axis = ChartAxis(
      entries.flatMap {
        let interval = $0.delta.interval
        return [interval?.low, interval?.high, $0.delta.estimate].compactMap { $0 }.map {
          $0 * scale
        }
      }, includesZero: true)
    let bottom = top + rowHeight * Double(entries.count)
    func x(_ value: Double) -> Double { axis.position(value, from: left, to: right) }
    var out = columns(axis, from: left, to: right, top: top, bottom: bottom, labelsBelow: 15)
    out += line(x(0), top, x(0), bottom, "zero")
    for (number, entry) in entries.enumerated() {
      let y = top + rowHeight * Double(number)
      let word = entry.delta.verdict.rawValue
      out += text(left, y + 13, entry.name, "label")
      out += text(
        right, y + 13, "\(entry.delta.text)  \(word)", "label \(word)", anchor: "end")
      if let interval = entry.delta.interval {
        let (low, high) = (x(interval.low * scale), x(interval.high * scale))
        out += line(low, y + 26, high, y + 26, "whisker \(word)")
        out += line(low, y + 22, low, y + 30, "whisker \(word)")
        out += line(high, y + 22, high, y + 30, "whisker \(word)")
      }
      out += dot(
        x(entry.delta.estimate * scale), y + 26, radius: 4.5, "dot \(word)",
        title: deltaSummary(entry.delta))
    }
    out += text(right, bottom + 29, "points against the baseline", "tick", anchor: "end")
    return svg(height: bottom + 34, label: "Differences to the baseline with intervals", out)
  }

  /// Gains to the right of zero and losses to its left, one class a line.
  static func diverging(_ entries: [ClassDifference], label: String) -> String {
    let (left, right, rowHeight, top) = (104.0, width - 16, 18.0, 4.0)
    let axis = ChartAxis(entries.map { ($0.value - $0.baseline) * 100 }, includesZero: true)
    let bottom = top + rowHeight * Double(entries.count)
    func x(_ value: Double) -> Double { axis.position(value, from: left, to: right) }
    var out = columns(axis, from: left, to: right, top: top, bottom: bottom, labelsBelow: 14)
    for (number, entry) in entries.enumerated() {
      let y = top + rowHeight * Double(number)
      let difference = (entry.value - entry.baseline) * 100
      let (start, end) = (min(x(0), x(difference)), max(x(0), x(difference)))
      out += text(left - 6, y + 13, shortened(entry.name, 16), "label", anchor: "end")
      out +=
        "<rect x=\"\(place(start))\" y=\"\(place(y + 3))\" width=\"\(place(max(1, end - start)))\" "
        + "height=\"12\" rx=\"2\" class=\"\(difference < 0 ? "loss" : "gain")\"><title>"
        + html(
          "\(entry.name): \(percentage(entry.baseline)) to \(percentage(entry.value)), "
            + "\(points(entry.value - entry.baseline)) points")
        + "</title></rect>"
    }
    out += line(x(0), top, x(0), bottom, "zero")
    return svg(height: bottom + 20, label: label, out)
  }

  /// Named lengths, one below the other.
  static func bars(
    _ entries: [(name: String, value: Double, text: String)], color: Int, label: String
  ) -> String {
    let (left, right, rowHeight) = (150.0, width - 44, 20.0)
    let largest = max(1e-12, entries.map(\.value).max() ?? 1)
    var out = ""
    for (number, entry) in entries.enumerated() {
      let y = rowHeight * Double(number)
      let end = left + (right - left) * max(0, entry.value) / largest
      out += text(left - 6, y + 14, shortened(entry.name, 24), "label", anchor: "end")
      out +=
        "<rect x=\"\(place(left))\" y=\"\(place(y + 4))\" width=\"\(place(max(1, end - left)))\" "
        + "height=\"12\" rx=\"2\" class=\"bar s\(color)\"><title>\(html(entry.name)): "
        + "\(html(entry.text))</title></rect>"
      out += text(end + 5, y + 14, entry.text, "tick")
    }
    return svg(height: rowHeight * Double(entries.count) + 4, label: label, out)
  }
}
