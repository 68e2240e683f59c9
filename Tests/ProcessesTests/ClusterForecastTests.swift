import Foundation
import TestSupport
import Testing

/// `bench-kernels cluster`, the model of many machines.
@Suite("Forecast of many machines")
struct ClusterForecastTests {
  private func forecast(_ arguments: [String] = []) throws -> [Substring] {
    let folder = try TemporaryDirectory()
    let outcome = try ChildProgram.run(
      "bench-kernels", ["cluster"] + arguments, in: folder.path)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return outcome.output.split(separator: "\n")
  }

  /// The percentages of a row, by the number of machines.
  private func percentages(_ row: Substring) -> [Double] {
    row.split(separator: "|").dropFirst(2)
      .compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
  }

  private func rows(_ lines: [Substring]) -> [Substring] {
    lines.filter { $0.contains("batch") && $0.hasPrefix("|") }
  }

  @Test("Every line of its tables stands on the page about clusters")
  func page() throws {
    let page = Set(try SourceTree.lines(of: "docs/cluster.md"))
    let tables = try forecast().filter { $0.hasPrefix("|") }
    #expect(tables.count > 30)
    for line in tables { #expect(page.contains(line), "\(line)") }
  }

  @Test("More machines are never of more use each, and a step's images bound them")
  func order() throws {
    let table = rows(try forecast()).prefix(24)
    #expect(table.count == 24)
    for row in table {
      let values = percentages(row)
      #expect(values.first == 100)
      for (fewer, more) in zip(values, values.dropFirst()) { #expect(fewer >= more, "\(row)") }
    }
    // The published batch in all: five numbers of machines have an image of sixteen each.
    #expect(table.prefix(12).allSatisfy { percentages($0).count == ($0.contains("16 |") ? 5 : 9) })
    #expect(table.suffix(12).allSatisfy { percentages($0).count == 9 })
  }

  @Test("Faster networks help, faster machines make networks matter more")
  func causes() throws {
    func atEight(_ arguments: [String]) throws -> Double {
      let row = try #require(rows(try forecast(arguments)).first)
      return percentages(row)[3]
    }
    let usual = try atEight(["--bandwidths", "25"])
    #expect(try atEight(["--bandwidths", "2"]) < usual)
    #expect(try atEight(["--bandwidths", "25", "--latency", "20000"]) < usual)
    #expect(try atEight(["--bandwidths", "25", "--training", "65", "--inference", "222"]) < usual)
    // A network that costs nothing leaves what every process computes by itself.
    let free = ["--bandwidths", "100000", "--latency", "0.1", "--summing", "10000"]
    #expect(try atEight(free) > usual)
  }
}
