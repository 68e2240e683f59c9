/// The report against one baseline.
struct HTMLView {
  /// What tells the view apart in the page.
  let key: String
  /// What the baselines are called.
  let title: String
  let comparison: Comparison

  /// The same table in this view.
  func section(_ id: String) -> ComparisonSection? {
    comparison.sections.first { $0.id == id }
  }

  /// The same row in this view.
  func row(_ anchor: String, in section: String) -> ComparisonRow? {
    self.section(section)?.rows.first { $0.anchor == anchor }
  }
}

/// The report against every baseline that a reader may choose, the usual one first.
///
/// The page holds all of them; what is not chosen is hidden.
struct HTMLViews {
  let all: [HTMLView]

  init(_ comparison: Comparison) {
    all =
      [HTMLView(key: "usual", title: comparison.baselineTitle, comparison: comparison)]
      + comparison.choices.map { choice in
        HTMLView(
          key: "to-" + RowNames.words(choice.name, or: "run"), title: choice.name,
          comparison: choice.comparison)
      }
  }

  /// A part of the page in every view; once where all views have the same.
  func each(_ tag: String = "div", _ body: (HTMLView) -> String) -> String {
    let parts = all.map(body)
    guard parts.contains(where: { $0 != parts[0] }) else { return parts[0] }
    return zip(all, parts).enumerated().map { number, part in
      part.1.isEmpty
        ? ""
        : "<\(tag) class=\"view\" data-base=\"\(html(part.0.key))\"\(number == 0 ? "" : " hidden")>"
          + part.1 + "</\(tag)>"
    }.joined()
  }
}
