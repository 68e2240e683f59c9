import CounterRandom
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Harness

@Suite("A memory of labelled cells")
struct PatchMemoryTests {
  private struct Reference: Decodable {
    struct Neighbours: Decodable { let labels: [Double] }
    let neighbours: Neighbours
  }

  @Test("Cells take the labels of their nearest ones as attention over them gives in PyTorch")
  func reference() throws {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/dense_features.json"))
    let expected = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url)).neighbours
    var labels = DeterministicFill.values("values", count: 40 * 4).map(abs)
    for cell in 0..<40 {
      let total = labels[cell * 4..<(cell + 1) * 4].reduce(0, +)
      for label in 0..<4 { labels[cell * 4 + label] /= total }
    }
    let keys = DeterministicFill.tensor("keys", [40, 8])
    // In two pieces, as images bring them.
    let memory = PatchMemory(
      [rows(keys, 0..<13), rows(keys, 13..<40)], labels: labels, classCount: 4)
    #expect(memory.count == 40)
    let found = memory.classes(
      of: DeterministicFill.tensor("queries", [6, 8]), neighbours: 7, temperature: 0.02)
    expectClose(found.values, expected.labels, relative: 1e-4, absolute: 1e-5, "labels")
    let few = memory.classes(
      of: DeterministicFill.tensor("queries", [6, 8]), neighbours: 100, temperature: 0.02)
    for query in 0..<6 {
      #expect(abs(few.values[query * 4..<(query + 1) * 4].reduce(0, +) - 1) < 1e-5)
    }
    let broken = memory.classes(
      of: Tensor([Float](repeating: .nan, count: 8), shape: [1, 8]), neighbours: 7,
      temperature: 0.02)
    #expect(broken.values.allSatisfy { $0.isNaN })
  }

  @Test("Cells have the parts of their labelled pixels; those without any are left out")
  func cells() {
    // Four cells of 2x2: all of class 1; half 0, half 2; one labelled pixel; none.
    let labels: [UInt8] = [
      1, 1, 0, 2,
      1, 1, 2, 0,
      255, 2, 255, 255,
      255, 255, 255, 255,
    ]
    let cells = LabelledCells(labels[...], side: 4, rows: 2, columns: 2, classCount: 3)
    #expect(cells.places == [0, 1, 2])
    #expect(cells.parts == [0, 1, 0, 0.5, 0, 0.5, 0, 0, 1])
    // Maps that do not divide the image leave no pixel out.
    let odd = LabelledCells(
      [UInt8](repeating: 1, count: 25)[...], side: 5, rows: 2, columns: 2, classCount: 3)
    #expect(odd.places.count == 4)
  }

  @Test("A sample has cells of rare classes more often, and none twice")
  func sample() {
    // Thirty cells of class 0 and two of class 1.
    let labels = (0..<32).map { UInt8($0 % 16 == 3 ? 1 : 0) }
    let cells = LabelledCells(
      labels.flatMap { [UInt8](repeating: $0, count: 32) }[...], side: 32, rows: 32, columns: 1,
      classCount: 2)
    #expect(cells.places.count == 32)
    var rare = 0
    for draw in 0..<200 {
      var stream = RandomStream(seed: 1, purpose: .sampling, sample: draw)
      let chosen = cells.sample(4, stream: &stream)
      #expect(chosen.count == 4 && Set(chosen).count == 4 && chosen == chosen.sorted())
      rare += chosen.count { labels[$0] == 1 }
    }
    // Drawn evenly there would be 50.
    #expect(rare > 150, "\(rare)")
    var stream = RandomStream(seed: 1, purpose: .sampling)
    #expect(cells.sample(99, stream: &stream) == Array(0..<32))
  }
}
