import Evaluation
import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Reporting

@Suite("A training counts once", .timeLimit(.minutes(5)))
struct SameTrainingTests {
  private func section(
    _ runs: SyntheticRuns, _ change: (inout ComparisonBuilder) -> Void = { _ in }
  ) throws -> ComparisonSection {
    let comparison = try runs.comparison(change)
    #expect(comparison.sections.count == 1)
    return try #require(comparison.sections.first)
  }

  private func change(_ folder: String, _ edit: (inout RunResult) -> Void) throws {
    var result = try RunResult(path: folder + "/result.json")
    edit(&result)
    try AtomicFile.write(text: result.json.text(), to: folder + "/result.json")
  }

  @Test(
    "Of runs that share a seed the one with more seeds stays, whichever comes first",
    arguments: [("a", "b"), ("b", "a")])
  func seeds(short: String, long: String) throws {
    let runs = try SyntheticRuns()
    for (name, count) in [("Supervised", 150), ("MoBY", 120)] {
      try runs.linear(name, slug: name + short) { image, seed in image < count + 5 * seed }
      try runs.linear(name, seeds: [0, 1], slug: name + long) { image, seed in
        image < count + 5 * seed
      }
    }
    let own = try section(runs)
    for (row, values) in zip(own.rows, [[0.75, 0.775], [0.6, 0.625]]) {
      #expect(row.runs.map(\.path) == [runs.path + "/" + row.name + long])
      #expect(row.cells["top1"]?.seeds?.values == values)
    }
    #expect(
      own.notes.contains(
        "\(runs.path)/MoBY\(short) is the training of seed 0 that \(runs.path)/MoBY\(long) is of, too, "
          + "and was left out"), "\(own.notes)")
  }

  @Test("A run that goes because of one seed says which others go with it; another seed stays")
  func overlap() throws {
    let runs = try SyntheticRuns()
    try runs.linear("Supervised", seeds: [0, 1, 2], slug: "a") { image, seed in image < 150 + seed }
    try runs.linear("Supervised", seeds: [2, 3], slug: "b") { image, seed in image < 150 + seed }
    try runs.linear("Supervised", seeds: [4], slug: "c") { image, seed in image < 150 + seed }
    let own = try section(runs)
    #expect(own.rows[0].cells["top1"]?.seeds?.values == [0.75, 0.755, 0.76, 0.77])
    #expect(own.notes.contains { $0.contains("training of seed 2 that") && $0.contains("seed 3;") })
  }

  @Test("Data are the same by their hashes, whatever their folder is called")
  func copiedData() throws {
    let runs = try SyntheticRuns()
    for (slug, name) in [("a", "ade"), ("b", "copy")] {
      try runs.linear("Supervised", data: ["name": name], slug: slug) { image, _ in image < 150 }
      // A run that says no seed is known by what it found.
      let scored = try runs.linear("Scored", data: ["name": name], slug: "s" + slug) { image, _ in
        image < 140
      }
      try change(scored) { $0.settings["seeds"] = nil }
    }
    let own = try section(runs)
    #expect(own.rows.map(\.runs.count) == [1, 1] && own.rows[0].cells["top1"]?.seeds == nil)
    #expect(own.notes.contains { $0.contains("sb holds the same result as") })
  }

  @Test("Other weights of a group are other trainings, of the same seed, too")
  func weights() throws {
    let runs = try SyntheticRuns()
    for name in ["A1", "A2"] { try runs.linear(name, group: "A") { image, _ in image < 150 } }
    // Spaces around a group's name are seen by nobody.
    try runs.linear("A3", group: " A ") { image, _ in image < 140 }
    #expect(try section(runs).rows.map(\.runs.count) == [3])
  }

  @Test("Another arithmetic is another protocol, and the usual one is the baseline's")
  func arithmetic() throws {
    let runs = try SyntheticRuns()
    for (name, count) in [("Supervised", 150), ("MoBY", 120)] {
      for (slug, member) in [
        ("a", "precision\":\"bf16"), ("b", ""), ("c", "products\":\"openblas X"),
      ] {
        let folder = try runs.linear(name, slug: name + slug) { image, _ in image < count }
        try AtomicFile.write(
          text: member.isEmpty ? "{}" : "{\"arithmetic\":{\"\(member)\"}}",
          to: folder + "/protocol.json")
      }
    }
    let own = try section(runs)
    #expect(own.rows.count == 6)
    #expect(own.baselines.map(\.run.path) == [runs.path + "/Supervisedb"])
    for row in own.rows {
      switch row.run.path.last {
      case "a": #expect(row.deviations == ["precision bf16 instead of f32"])
      case "b": #expect(row.deviations.isEmpty)
      default: #expect(row.deviations == ["products openblas X instead of own"])
      }
    }
    #expect(own.rows.count { $0.cells["top1"]?.delta != nil } == 1)
  }

  @Test("Numbers of the features alone are no repetition")
  func features() throws {
    let runs = try SyntheticRuns()
    for seed in [0, 1] {
      let folder = try runs.linear("Supervised", seeds: [seed], slug: "s\(seed)") { image, seed in
        image < 150 + seed
      }
      try change(folder) { $0.metrics["rankme"] = MetricValue(14.6, count: 200) }
    }
    let row = try section(runs).rows[0]
    #expect(row.cells["top1"]?.seeds?.values.count == 2)
    #expect(row.cells["rankme"]?.seeds == nil && row.cells["rankme"]?.value == 14.6)
  }

  @Test("All runs of the same predictions are named")
  func sharedPredictions() throws {
    let runs = try SyntheticRuns()
    for name in ["A", "B", "C"] {
      try change(try runs.linear(name) { image, _ in image < 120 }) {
        $0.settings["made"] = RunResult.madeElsewhere
        $0.backbone["sha256"] = "p"
      }
    }
    let note = try #require(try section(runs).notes.first { $0.contains("predictions under") })
    #expect(
      note.contains("linear-a, ") && note.contains("linear-b and ") && note.contains("linear-c"))
    #expect(note.contains("under 3 names"))
  }

  @Test("Mixed versions of the engine are said, with the rows of the other one")
  func versions() throws {
    let runs = try SyntheticRuns()
    for (name, version) in [("Supervised", "0.2.0"), ("MoBY", "0.10.0"), ("DINO", "0.2.0")] {
      let folder = try runs.linear(name) { image, _ in image < 150 }
      try AtomicFile.write(
        text: "{\"engine\":{\"version\":\"\(version)\"}}", to: folder + "/manifest.json")
    }
    #expect(
      try section(runs).notes.contains(
        "versions of the engine are mixed, so that a difference may be of theirs: MoBY by 0.10.0, the "
          + "others by 0.2.0"))
  }
}
