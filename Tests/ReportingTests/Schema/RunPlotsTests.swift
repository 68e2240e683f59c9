import Evaluation
import FileSupport
import TestSupport
import Testing

@testable import Reporting

@Suite("Drawings of runs")
struct RunPlotsTests {
  private var plots: RunPlots {
    var plots = RunPlots()
    plots.lines = [
      .init(
        title: "precision & recall", xLabel: "recall", yLabel: "precision",
        lines: [.init(name: "IoU <0.50>", x: [0, 0.5, 1], y: [1, 0.75, 0.25])])
    ]
    plots.reliabilities = [
      .init(
        title: "calibration",
        bins: [
          .init(confidence: 0.25, accuracy: 0.5, count: 4),
          .init(confidence: 0.75, accuracy: 0.5, count: 16),
        ])
    ]
    plots.heats = [
      .init(
        title: "confusion", rows: ["cat", "dog"], columns: ["cat", "dog", "not found"],
        values: [[0.5, 0.25, 0.25], [0, 1, 0]])
    ]
    return plots
  }

  @Test("They read back, and what is in another form is left out")
  func form() throws {
    let folder = try TemporaryDirectory()
    try plots.write(to: folder.path)
    #expect(RunPlots(folder: folder.path) == plots)
    #expect(RunPlots(folder: folder.file("none")) == RunPlots())
    try AtomicFile.write(
      text:
        #"{"lines": [{"title": "t", "x": "x", "y": "y", "lines": [{"name": "n", "x": [0], "y": []}]}],"#
        + #" "heats": [{"title": "t", "rows": ["a"], "columns": ["b"], "values": [[1, 2]]}]}"#,
      to: folder.file("plots.json"))
    let damaged = RunPlots(folder: folder.path)
    #expect(damaged.heats.isEmpty && damaged.lines.first?.lines.isEmpty == true)
  }

  @Test("The page draws them where they belong")
  func page() throws {
    let runs = try SyntheticRuns()
    let folder = try runs.linear("Supervised") { image, _ in image < 150 }
    try plots.write(to: folder)
    let page = try runs.comparison().html
    for title in ["precision &amp; recall", "calibration", "confusion"] {
      #expect(page.contains("<b>Supervised: \(title)</b>"))
    }
    // From the upper left corner half way to the right and a quarter down.
    #expect(page.contains("<path d=\"M40.0 10.0L194.0 60.0L348.0 160.0\" class=\"curve s0\">"))
    #expect(page.contains("IoU &lt;0.50&gt;"))
    // The larger bin has the larger dot, both at half of the height.
    #expect(page.contains(#"<circle cx="117.0" cy="110.0" r="5.0" class="point s0">"#))
    #expect(page.contains(#"<circle cx="271.0" cy="110.0" r="7.5" class="point s0">"#))
    #expect(page.contains("fill-opacity:0.50\"><title>cat → cat: 50.0 %</title>"))
    #expect(page.contains("<title>dog → not found: 0.0 %</title>"))
  }

  @Test("Of many classes a confusion table shows those with the most mistakes")
  func confusion() {
    let side = 31
    var counts = [Int](repeating: 0, count: side * side)
    for place in 0..<30 { counts[place * side + place] = 10 }
    counts[29 * side + 28] = 30
    counts[3 * side + 30] = 10
    let confusion = DetectionConfusion(
      overlapType: .bbox, threshold: 0.5, lowestScore: 0.3, categoryIDs: Array(1...30),
      counts: counts)
    let heat = RunPlots.Heat(confusion, title: "t", [29: "cat", 30: "dog"])
    #expect(heat.title == "t; 24 of 30 classes" && heat.rows.count == 25)
    #expect(heat.rows.suffix(3) == ["cat", "dog", "no object"] && heat.columns.last == "not found")
    // Of forty dogs thirty are taken for cats; of twenty of class 4 ten are not found.
    #expect(heat.values[23].suffix(3) == [0.75, 0.25, 0])
    #expect(heat.rows[3] == "class 4" && heat.values[3].last == 0.5 && heat.values[3][3] == 0.5)
    #expect(heat.values[24].allSatisfy { $0 == 0 })
  }
}
