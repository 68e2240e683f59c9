/// Images whose outcome changed most, with what is true and what both rows said; each opens large.
struct HTMLGallery {
  let detail: RowDetail

  var html: String {
    guard !detail.images.isEmpty else { return "" }
    return HTMLShot.gallery(
      detail.images.map(shot), id: gallery,
      heading: "\(text(detail.name)): images whose outcome changed most against "
        + text(detail.baseline),
      look: "gallery", missing: detail.images.flatMap(\.pictures.missing))
  }

  private var gallery: String { "images-" + text(detail.anchor) }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func shot(_ image: ChangedImage) -> HTMLShot {
    HTMLShot(
      id: "\(gallery)-\(image.index)", gallery: gallery,
      name: image.path ?? "image \(image.index)", kind: image.gain > 0 ? "better" : "worse",
      pictures: image.pictures.pictures,
      lines: [
        "<b>\(text(image.truth))</b><small>\(text(detail.baseline)): \(text(image.baseline))</small>",
        "<small>\(text(detail.name)): \(text(image.outcome))</small>",
        "<small>\(text(image.change))</small>",
      ])
  }
}

/// Images with where the network of each row looks; each opens large.
struct HTMLAttention {
  let section: ComparisonSection

  var html: String {
    section.rows.compactMap { row -> String? in
      guard let images = section.pictures[row.slug], !images.isEmpty else { return nil }
      let gallery = "attention-" + Reporting.html(row.anchor)
      let shots = images.map { image in
        HTMLShot(
          id: "\(gallery)-\(image.index)", gallery: gallery,
          // The image leads the maps, where it is at hand.
          name: image.path ?? "image \(image.index)",
          kind: image.pictures.missing.isEmpty ? "led" : "",
          pictures: image.pictures.pictures, lines: [])
      }
      return HTMLShot.gallery(
        shots, id: gallery,
        heading: "\(Reporting.html(row.name)): where the frozen network looks"
          + "<small>each map from black at 0 to white at its own largest number"
          + (row.runs.count > 1 ? "; of the first run" : "") + "</small>",
        look: "gallery maps", missing: images.flatMap(\.pictures.missing))
    }.joined()
  }
}
