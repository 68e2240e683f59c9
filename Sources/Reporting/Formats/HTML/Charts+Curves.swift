extension Charts {
  /// One curve of a line chart.
  struct Curve {
    let name: String
    /// Number of the row's colour.
    let color: Int
    /// One value an epoch from the first; gaps are NaN.
    let values: [Double]
    /// Whether it is one seed of several, drawn thin.
    let isThin: Bool
  }

  /// Points of a curve that a chart can show apart.
  private static let pointLimit = 160

  /// The means of so many values each; a group without numbers is a gap.
  static func means(_ values: [Double], of size: Int) -> [Double] {
    stride(from: 0, to: values.count, by: size).map { first in
      let group = values[first..<min(values.count, first + size)].filter(\.isFinite)
      return group.isEmpty ? .nan : group.reduce(0, +) / Double(group.count)
    }
  }

  /// Values over epochs or updates, whichever `unit` says; long curves as means of neighbours.
  static func curves(_ curves: [Curve], label: String, unit: String) -> String {
    let (left, right, top, bottom) = (40.0, width - 8, 10.0, 180.0)
    let longest = curves.map(\.values.count).max() ?? 1
    let size = max(1, (longest + pointLimit - 1) / pointLimit)
    let lines = curves.map { means($0.values, of: size) }
    let axis = ChartAxis(lines.flatMap { $0 })
    let epochs = ChartAxis([1, Double(max(2, longest))], count: 5)
    func x(_ epoch: Int) -> Double {
      left + (right - left) * (longest > 1 ? Double(epoch) / Double(longest - 1) : 0.5)
    }
    var out = levels(axis, from: left, to: right, bottom: bottom, top: top)
    for tick in epochs.ticks
    where tick >= 1 && tick <= Double(longest) && tick == tick.rounded() {
      out += text(x(Int(tick) - 1), bottom + 15, epochs.label(tick), "tick", anchor: "middle")
    }
    for (curve, line) in zip(curves, lines) {
      var path = ""
      var isDrawing = false
      for (group, value) in line.enumerated() {
        guard value.isFinite else {
          isDrawing = false
          continue
        }
        path +=
          (isDrawing ? "L" : "M") + place(x(min(longest - 1, group * size + size / 2))) + " "
          + place(axis.position(value, from: bottom, to: top))
        isDrawing = true
      }
      out +=
        "<path d=\"\(path)\" class=\"curve s\(curve.color)\(curve.isThin ? " thin" : "")\"><title>"
        + html(curve.name) + "</title></path>"
    }
    let caption = size > 1 ? "\(unit); means of \(size)" : unit
    out += text(right, bottom + 29, caption, "tick", anchor: "end")
    return svg(height: bottom + 34, label: label, out)
  }
}
