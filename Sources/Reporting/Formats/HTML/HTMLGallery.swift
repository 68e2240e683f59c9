/// Images whose outcome changed most, with what is true and what both rows said; each opens large.
///
/// A picture is in the page once: its figure is the target of its own link, and as a target it fills
/// the window. So it needs no script and has an address.
struct HTMLGallery {
  let detail: RowDetail

  var html: String {
    guard !detail.images.isEmpty else { return "" }
    let missing = detail.images.flatMap(\.pictures.missing)
    var lines: [String] = []
    for line in missing where !lines.contains(line) { lines.append(line) }
    return
      "<section class=\"images\" id=\"\(gallery)\"><h3>\(text(detail.name)): images whose outcome "
      + "changed most against \(text(detail.baseline))</h3>"
      + "<div class=\"gallery\">\(detail.images.map(figure).joined())</div>"
      + (lines.isEmpty
        ? "" : "<ul class=\"notes\">\(lines.map { "<li>\(text($0))</li>" }.joined())</ul>")
      + "</section>"
  }

  private var gallery: String { "images-" + text(detail.anchor) }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func figure(_ image: ChangedImage) -> String {
    let name = image.path ?? "image \(image.index)"
    let id = "\(gallery)-\(image.index)"
    let views = image.pictures.pictures.map { picture in
      "<span class=\"picture\(picture.isLegend ? " legend-only" : "")\"><img alt=\"\(text(picture.caption)), \(text(name))\" loading=\"lazy\" "
        + "src=\"data:\(text(picture.mediaType));base64,\(base64(picture.bytes))\">"
        + "<small>\(text(picture.caption))</small></span>"
    }
    let shown =
      views.isEmpty
      ? "<div class=\"blank\">not at hand</div>"
      : "<a class=\"pictures\" href=\"#\(id)\" aria-label=\"Enlarge \(text(name))\">\(views.joined())</a>"
    return
      "<figure class=\"shot \(image.gain > 0 ? "better" : "worse")\" id=\"\(id)\">\(shown)<figcaption>"
      + "<a class=\"close\" href=\"#\(gallery)\" aria-label=\"Close\">×</a>"
      + "<b>\(text(image.truth))</b><small>\(text(detail.baseline)): \(text(image.baseline))</small>"
      + "<small>\(text(detail.name)): \(text(image.outcome))</small>"
      + "<small>\(text(image.change))</small>"
      + "<small class=\"path\">\(text(name))</small></figcaption></figure>"
  }
}
