import Evaluation

extension Comparison {
  /// The tables for a paper, with the rules of the booktabs package; `\input` takes the file.
  public var latex: String {
    var parts = ["% Needs \\usepackage{booktabs}. Measured unless a line says published."]
    for section in sections { parts.append(latex(section)) }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func latex(_ section: ComparisonSection) -> String {
    let metrics = section.metrics
    var lines = [
      "\\begin{table}[t]", "  \\centering",
      "  \\caption{\(escaped(section.task.title)) on \(escaped(section.dataSummary)), \\%. Below each "
        + "number its 95\\,\\% interval, or its deviation over seeds; then the difference to the "
        + "baseline in points with interval, $p$ and verdict: of \(escaped(section.primaryMetric?.title ?? "the first number")) after "
        + "Holm's correction over \(testCount) primary differences, of the others alone (exploratory).}",
      "  \\label{tab:\(section.id)}",
      "  \\begin{tabular}{ll\(String(repeating: "r", count: metrics.count))}", "    \\toprule",
      "    " + row(["method", "network"] + metrics.map { escaped($0.title) }), "    \\midrule",
    ]
    for entry in section.rows {
      let cells = metrics.map { entry.cells[$0.key] }
      lines.append(
        "    "
          + row(
            [escaped(entry.markedName), escaped(entry.architecture)]
              + cells.map { $0.map { $0.metric.unit.text($0.value) } ?? "--" }))
      lines.append("    " + row(["", ""] + cells.map { $0.map(spread) ?? "" }))
      if cells.contains(where: { $0?.delta != nil || $0?.rawDifference != nil }) {
        lines.append("    " + row(["", ""] + cells.map { $0.map(difference) ?? "" }))
      }
    }
    lines += ["    \\bottomrule", "  \\end{tabular}"]
    for entry in section.rows where !entry.deviations.isEmpty {
      lines.append(
        "  \\par\\footnotesize $^\\dagger$ another protocol: "
          + escaped(entry.deviations.joined(separator: "; ")))
    }
    for group in section.foreignBaselines {
      lines.append(
        "  \\par\\footnotesize $^\\ddagger$ \(escaped(group.names)): compared with a baseline of "
          + "another network, \(escaped(group.network))")
    }
    for entry in section.detectable(testCount: testCount) where entry.alone.isFinite {
      lines.append(
        "  \\par\\footnotesize \(escaped(entry.metric.title)): a difference of "
          + "\(entry.metric.unit.deviation(entry.alone)) \(entry.metric.unit.name) is found with a power of 80\\,\\%."
      )
    }
    lines.append("\\end{table}")
    return lines.joined(separator: "\n") + published(section)
  }

  private func published(_ section: ComparisonSection) -> String {
    let files = section.published.filter { $0.origin == .published }
    guard !files.isEmpty else { return "" }
    var lines = [
      "", "", "\\begin{table}[t]", "  \\centering",
      "  \\caption{Published figures, not measured here; \\%. $^*$ unverified.}",
      "  \\label{tab:\(section.id)-published}", "  \\begin{tabular}{lllrl}", "    \\toprule",
      "    " + row(["method", "network", "metric", "value", "source"]), "    \\midrule",
    ]
    for figure in files.flatMap(\.figures) {
      lines.append(
        "    "
          + row([
            escaped(figure.method),
            escaped(
              [figure.architecture, figure.configuration].compactMap { $0 }.joined(separator: ", ")),
            escaped(figure.metric), figure.shown + (figure.isVerified ? "" : "$^*$"),
            escaped(figure.source),
          ]))
    }
    return (lines + ["    \\bottomrule", "  \\end{tabular}", "\\end{table}"]).joined(
      separator: "\n")
  }

  private func row(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\" }

  private func spread(_ cell: ComparisonCell) -> String {
    if let seeds = cell.seeds { return "$\\pm$ \(cell.metric.unit.deviation(seeds.deviation))" }
    let unit = cell.metric.unit
    return cell.interval.map { "[\(unit.text($0.low)), \(unit.text($0.high))]" } ?? ""
  }

  private func difference(_ cell: ComparisonCell) -> String {
    func signed(_ value: Double) -> String {
      "$" + cell.metric.unit.difference(value).replacing("−", with: "-") + "$"
    }
    guard let delta = cell.delta else {
      return cell.rawDifference.map { signed($0) + ", not judged" } ?? ""
    }
    let p = probability(delta.adjustedPValue)
    let interval =
      delta.interval.map { interval in
        " [\(signed(interval.low)), \(signed(interval.high))]"
          + (delta.level == Delta.significance
            ? "" : "$_{\(Delta.confidence(delta.level))\\,\\%}$")
      } ?? ""
    return signed(delta.estimate) + interval
      + ", $p\(p.hasPrefix("<") ? p : "=" + p)$, \(delta.word)"
  }

  /// Text that LaTeX sets as it stands: nothing in it is a command, and no line ends the paragraph.
  private func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&", "%", "$", "#", "_", "{", "}": out += "\\" + String(scalar)
      case "~": out += "\\textasciitilde{}"
      case "^": out += "\\textasciicircum{}"
      case "\\": out += "\\textbackslash{}"
      case "<": out += "\\textless{}"
      case ">": out += "\\textgreater{}"
      case "|": out += "\\textbar{}"
      case "±": out += "$\\pm$"
      case "†": out += "$^\\dagger$"
      case "‡": out += "$^\\ddagger$"
      case "−": out += "$-$"
      case _ where scalar.properties.isWhitespace || scalar.value < 0x20: out += " "
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
