import FileSupport
import TestSupport
import Testing

@testable import Reporting

@Suite("Which row is the baseline", .timeLimit(.minutes(5)))
struct BaselineNameTests {
  /// Two rows "A B" of one network in a table, and one in another.
  private func runs() throws -> SyntheticRuns {
    let runs = try SyntheticRuns()
    try runs.linear("A B", settings: ["epochs": "50"], slug: "a") { image, _ in image < 150 }
    try runs.linear("A B", slug: "b") { image, _ in image < 140 }
    try runs.linear("C", slug: "c") { image, _ in image < 100 }
    try runs.linear("A B", data: ["validation": "w"], slug: "d") { image, _ in image < 140 }
    try runs.linear("C", data: ["validation": "w"], slug: "e") { image, _ in image < 100 }
    return runs
  }

  @Test("A name of several rows of a network is refused with the names that the table shows")
  func ambiguous() throws {
    let runs = try runs()
    let titles = try runs.comparison().sections[0].rows.map(\.name).filter { $0 != "C" }
    #expect(titles.count == 2 && titles.allSatisfy { $0.hasPrefix("A B (") })
    let error = try #require(throws: FileError.self) {
      try runs.comparison { $0.baseline = "a b" }
    }
    #expect(error.problem.hasPrefix("is the name of several rows of linear-"))
    #expect(titles.allSatisfy { error.remedy.contains($0) } && error.exitCode == .usage)
    // A shown name is taken, and in the other table the row that has it to itself.
    for title in titles {
      let comparison = try runs.comparison { $0.baseline = title }
      #expect(comparison.sections.map { $0.baselines.map(\.name) } == [[title], ["A B"]])
    }
    let unknown = try #require(throws: FileError.self) { try runs.comparison { $0.baseline = "D" } }
    #expect(titles.allSatisfy { unknown.remedy.contains($0) })
  }

  @Test("Every row is offered as the baseline by a name that is its own")
  func choices() throws {
    let comparison = try runs().comparison { $0.offersBaselines = true }
    let names = comparison.choices.map(\.name)
    #expect(names.count == 3 && names.contains("C") && !names.contains("A B"), "\(names)")
    for choice in comparison.choices where choice.name != "C" {
      #expect(choice.comparison.sections[0].baselines.map(\.name) == [choice.name])
    }
  }

  @Test("Of several supervised rows the one with the protocol of most is taken, and said")
  func supervised() throws {
    let runs = try SyntheticRuns()
    try runs.linear("sA", settings: ["method": "x"], slug: "a") { image, _ in image < 150 }
    try runs.linear("sB", slug: "b") { image, _ in image < 150 }
    try runs.linear("C", slug: "c") { image, _ in image < 100 }
    for slug in ["a", "b"] {
      let path = runs.path + "/\(slug)/result.json"
      var result = try RunResult(path: path)
      result.backbone["method"] = "supervised"
      try AtomicFile.write(text: result.json.text(), to: path)
    }
    let section = try runs.comparison().sections[0]
    #expect(section.baselines.map(\.name) == ["sB"])
    #expect(
      section.notes.contains(
        "sB is the baseline of network Swin-T, of the supervised sA, sB; name another with --baseline"
      ),
      "\(section.notes)")
  }

  @Test("The table of differences names every baseline")
  func heading() throws {
    let runs = try SyntheticRuns()
    for network in ["Swin-T", "Swin-S"] {
      for (name, count) in [("Supervised", 150), ("MoBY", 120)] {
        try runs.linear(name, slug: name + network, architecture: network) { image, _ in
          image < count
        }
      }
    }
    #expect(
      try runs.comparison().markdown.contains(
        "**Against Supervised (Swin-S), Supervised (Swin-T): points;"))
  }
}
