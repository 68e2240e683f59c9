import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Processes

/// The fixed tree of sums over ranks.
@Suite("Tree of sums")
struct TreeSumTests {
  /// The tree as one would write it down.
  private func tree(_ values: ArraySlice<Float>) -> Float {
    guard values.count > 1, let first = values.first else { return values.first ?? 0 }
    let middle = values.startIndex + values.count / 2
    return values.count == 1
      ? first : tree(values[..<middle]) + tree(values[middle...])
  }

  /// Numbers whose sum depends on the order.
  private func numbers(_ rank: Int, _ count: Int) -> [Float] {
    (0..<count).map { index in
      let mixed = UInt64(rank * 7919 + index) &* 0x9E37_79B9_7F4A_7C15
      let sign: Float = mixed & 1 == 0 ? 1 : -1
      return sign * Float(mixed >> 40) * (mixed & 2 == 0 ? 1 : 1e-4)
    }
  }

  @Test("Pieces are summed in the order of the tree", arguments: [1, 2, 4, 8, 16])
  func order(pieces: Int) {
    for length in [1, 3, 2048, 5001] {
      let ranks = (0..<pieces).map { numbers($0, length) }
      var all = ranks.flatMap { $0 }
      all.withUnsafeMutableBufferPointer { TreeSum<SingleProcess>.reduce($0, pieces: pieces) }
      for index in 0..<length {
        let expected = tree(ranks.map { $0[index] }[...])
        #expect(all[index].bitPattern == expected.bitPattern, "\(pieces) pieces, number \(index)")
      }
    }
  }

  @Test("The order shows in the bits, so that another one would be seen")
  func orderMatters() {
    let ranks = (0..<8).map { numbers($0, 500) }
    let differing = (0..<500).filter { index in
      let column = ranks.map { $0[index] }
      return column.reduce(0, +).bitPattern != tree(column[...]).bitPattern
    }
    #expect(differing.count > 50)
  }

  @Test("Ranks that run side by side get the tree's bits", arguments: [2, 4, 8])
  func ranks(count: Int) async throws {
    for length in [1, 7, 20_003] {
      let inputs = (0..<count).map { numbers($0, length) }
      let expected = (0..<length).map { place in tree(inputs.map { $0[place] }[...]).bitPattern }
      // Few numbers go to all at once; many are cut into pieces of equal length or padded ones, in
      // one bucket or several, of which the last may be shorter than there are ranks.
      for (small, bucket) in [(16 << 10, 8 << 20), (0, 8 << 20), (0, 1000), (0, 1001), (0, 20_000)]
      {
        let sums = try await ThreadRanks(count).run { ranks in
          var values = inputs[ranks.rank]
          try values.withUnsafeMutableBufferPointer {
            try Self.sum($0, over: ranks, small: small, bucket: bucket)
          }
          return values
        }
        for rank in 0..<count { #expect(sums[rank].map(\.bitPattern) == expected) }
      }
    }
  }

  private static func sum(
    _ values: UnsafeMutableBufferPointer<Float>, over ranks: some Communicator, small: Int,
    bucket: Int
  ) throws {
    try TreeSum(ranks: ranks, smallCount: small, bucketCount: bucket).sum(values)
  }

  @Test("A number of ranks that is no power of two is refused, with those that are")
  func refusal() async throws {
    let group = ThreadRanks(3)
    await #expect(throws: ProcessCountError(size: 3, allowed: [1, 2, 4])) {
      _ = try await group.run { ranks in
        var values: [Float] = [1]
        try values.withUnsafeMutableBufferPointer { try ranks.sum($0) }
        return values
      }
    }
    #expect(
      ProcessCountError(size: 3, allowed: [1, 2, 4]).description
        == "the work cannot be shared by 3 processes with the same sums; start 1, 2 or 4 of them.")
  }

  @Test("Bytes, flags and numbers of all ranks arrive in order")
  func conveniences() async throws {
    let group = ThreadRanks(4)
    let seen = try await group.run { ranks in
      let rank = ranks.rank
      try #expect(ranks.gather([Float(rank), -1]) == [0, -1, 1, -1, 2, -1, 3, -1])
      let own = [UInt8](repeating: UInt8(rank), count: rank * 3 % 4)
      try #expect(ranks.gatherBytes(own) == [[], [1, 1, 1], [2, 2], [3]])
      try #expect(ranks.broadcast(rank == 2 ? [9, 8, 7] : [], from: 2) == [9, 8, 7])
      try #expect(ranks.any(rank == 3))
      try #expect(!ranks.any(false))
      return [Float(rank)]
    }
    #expect(seen == [[0], [1], [2], [3]])
  }
}
