import Evaluation

/// Drawings as inline SVG, 360 units wide so that their text stays readable on a phone.
///
/// Colours are the page's variables and follow its theme.
enum Charts {
  static let width = 360.0

  static func svg(height: Double, label: String, _ content: String) -> String {
    "<svg viewBox=\"0 0 \(place(width)) \(place(height))\" role=\"img\" aria-label=\"\(html(label))\">"
      + content + "</svg>"
  }

  static func text(
    _ x: Double, _ y: Double, _ text: String, _ style: String = "", anchor: String = "start"
  ) -> String {
    "<text x=\"\(place(x))\" y=\"\(place(y))\" text-anchor=\"\(anchor)\" class=\"\(style)\">"
      + html(text) + "</text>"
  }

  static func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String
  ) -> String {
    "<line x1=\"\(place(x1))\" y1=\"\(place(y1))\" x2=\"\(place(x2))\" y2=\"\(place(y2))\" "
      + "class=\"\(style)\"/>"
  }

  /// Rules at an axis' values across a drawing, each with its label at the left.
  static func levels(
    _ axis: ChartAxis, from left: Double, to right: Double, bottom: Double, top: Double
  ) -> String {
    axis.ticks.map { tick in
      let y = axis.position(tick, from: bottom, to: top)
      return line(left, y, right, y, "rule")
        + text(left - 5, y + 3.5, axis.label(tick), "tick", anchor: "end")
    }.joined()
  }

  /// Rules at an axis' values down a drawing, each with its label below.
  static func columns(
    _ axis: ChartAxis, from left: Double, to right: Double, top: Double, bottom: Double,
    labelsBelow gap: Double
  ) -> String {
    axis.ticks.map { tick in
      let x = axis.position(tick, from: left, to: right)
      return line(x, top, x, bottom, "rule")
        + text(x, bottom + gap, axis.label(tick), "tick", anchor: "middle")
    }.joined()
  }

  /// A filled circle, perhaps with what it says when it is pointed at.
  static func dot(
    _ x: Double, _ y: Double, radius: Double = 4, _ style: String, title: String? = nil
  ) -> String {
    "<circle cx=\"\(place(x))\" cy=\"\(place(y))\" r=\"\(place(radius))\" class=\"\(style)\""
      + (title.map { "><title>\(html($0))</title></circle>" } ?? "/>")
  }

  /// A text that is no longer than it may be.
  static func shortened(_ text: String, _ length: Int) -> String {
    text.count <= length ? text : text.prefix(length - 1) + "…"
  }
}
