/// Pictures of one image that open large.
///
/// The figure is the target of its own link, and as a target it fills the window. So a picture is in
/// the page once, needs no script and has an address.
struct HTMLShot {
  /// The figure's fragment, and that of the gallery that it goes back to.
  let id: String, gallery: String
  /// What is shown, for those who do not see it.
  let name: String
  /// What the figure's look depends on: `better`, `worse`, or nothing.
  let kind: String
  let pictures: [GalleryPictures.Picture]
  /// What stands below, as HTML.
  let lines: [String]

  var html: String {
    let views = pictures.map { picture in
      "<span class=\"picture\(picture.isLegend ? " legend-only" : "")\"><img alt=\"\(text(picture.caption)), \(text(name))\" loading=\"lazy\" "
        + "src=\"data:\(text(picture.mediaType));base64,\(base64(picture.bytes))\">"
        + "<small>\(text(picture.caption))</small></span>"
    }
    let shown =
      views.isEmpty
      ? "<div class=\"blank\">not at hand</div>"
      : "<a class=\"pictures\" href=\"#\(id)\" aria-label=\"Enlarge \(text(name))\">\(views.joined())</a>"
    return "<figure class=\"shot \(kind)\" id=\"\(id)\">\(shown)<figcaption>"
      + "<a class=\"close\" href=\"#\(gallery)\" aria-label=\"Close\">×</a>" + lines.joined()
      + "<small class=\"path\">\(text(name))</small></figcaption></figure>"
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  /// Figures side by side under a heading, and what is not shown.
  static func gallery(
    _ shots: [HTMLShot], id: String, heading: String, look: String, missing: [String]
  ) -> String {
    var lines: [String] = []
    for line in missing where !lines.contains(line) { lines.append(line) }
    return "<section class=\"images\" id=\"\(id)\"><h3>\(heading)</h3>"
      + "<div class=\"\(look)\">\(shots.map(\.html).joined())</div>"
      + (lines.isEmpty
        ? ""
        : "<ul class=\"notes\">\(lines.map { "<li>\(Reporting.html($0))</li>" }.joined())</ul>")
      + "</section>"
  }
}
