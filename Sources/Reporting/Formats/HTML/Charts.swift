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

  /// A text that is no longer than it may be.
  static func shortened(_ text: String, _ length: Int) -> String {
    text.count <= length ? text : text.prefix(length - 1) + "…"
  }
}
