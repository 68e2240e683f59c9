import CommandLine
import Evaluation
import Models
import TensorCore
import TestSupport
import Testing

@testable import Harness

@Suite("Nearest neighbours and named networks")
struct NeighbourProbeTests {
  @Test("Shards of any size give the neighbours that plain sorting gives")
  func shards() {
    let queries = DeterministicFill.tensor("queries", [70, 8])
    let rows = DeterministicFill.tensor("rows", [50, 8])
    func found(_ size: Int) -> [NearestNeighbours] {
      NearestNeighbourProbe.neighbours(
        of: queries, limit: 5,
        among: stride(from: 0, to: 50, by: size).map { first in
          (first, selectedRows(rows, Array(first..<min(50, first + size))))
        })
    }
    let (whole, parts) = (found(50), found(7))
    let (q, r) = (queries.values, rows.values)
    for query in 0..<70 {
      let similarities = (0..<50).map { row in
        (0..<8).reduce(Float(0)) { $0 + q[query * 8 + $1] * r[row * 8 + $1] }
      }
      let expected = (0..<50).sorted { similarities[$0] > similarities[$1] }.prefix(5)
      #expect(whole[query].rows.map(Int.init) == Array(expected))
      #expect(parts[query].rows == whole[query].rows)
    }
  }

  @Test("Every program knows the table's networks, and detectors refuse what is not dense")
  func names() throws {
    #expect(NamedArchitecture.allCases.map(\.rawValue) == NetworkTable.rows.map(\.name))
    #expect(NamedArchitecture(rawValue: "resnet-50") == nil)
    for row in NetworkTable.rows { #expect(NamedArchitecture.expectation.contains(row.name)) }
    for known in [NamedArchitecture.swinTiny, .swinMini] {
      #expect(NamedArchitecture(rawValue: known.rawValue) == known)
    }
    let small = try #require(NamedArchitecture(rawValue: "vit-s-8"))
    let error = try #require(throws: UsageError.self) { try small.dense() }
    #expect(error.description.contains("vit-s-8 does not give maps at strides 4 to 32"))
    let deit = try #require(NamedArchitecture(rawValue: "deit-s"))
    #expect(try deit.dense() == .visionTransformer(.deitSmall))
    #expect(try NamedArchitecture.swinMini.dense() == .swin(.mini))
  }
}
