import Processes
import TensorCore
import TestSupport
import Testing

@testable import Layers

/// Gradients that are sent as they become ready.
@Suite("Gradients sent in buckets")
struct GradientMessagesTests {
  private static let counts = [7, 1, 40, 3, 12, 5]

  /// The gradient of one parameter in one process; nil where it reaches none.
  private static func gradient(_ place: Int, rank: Int) -> Tensor? {
    // Parameter 1 is reached by no process, parameter 3 by process 1 alone.
    guard place != 1, place != 3 || rank == 1 else { return nil }
    return DeterministicFill.tensor("gradient \(place) of \(rank)", [counts[place]], bound: 3)
  }

  @Test(
    "In any order, alone or in buckets of any size, the sums are those of all at once",
    arguments: [1, 10, 1000], [6, 1000])
  func sums(bucketCount: Int, largeCount: Int) async throws {
    for size in [2, 4] {
      let all = try await ThreadRanks(size).run { ranks in
        let messages = GradientMessages(
          counts: Self.counts, communicator: ranks, largeCount: largeCount,
          bucketCount: bucketCount)
        // Some become ready early, in an order of each process's own; the rest at the end.
        for place in [[0, 5, 4], [5, 2], [], [3, 4, 5, 2]][ranks.rank] {
          messages.add(Self.gradient(place, rank: ranks.rank), of: place)
        }
        let rest = Self.counts.indices.map { place in
          let parameter = Tensor(zeros: [Self.counts[place]])
          parameter.gradient = Self.gradient(place, rank: ranks.rank)
          return parameter
        }
        // The main channel stays free for what the backward pass exchanges meanwhile.
        #expect(try !ranks.any(false))
        let sums = try messages.finish(rest: rest, terms: [Float(ranks.rank), 1])
        #expect(sums.terms == [Float(size * (size - 1) / 2), Float(size)])
        return sums.gradients.map { $0?.values }
      }
      for place in Self.counts.indices {
        let expected = try await ThreadRanks(size).run { ranks in
          var own =
            Self.gradient(place, rank: ranks.rank)?.values
            ?? [Float](repeating: 0, count: Self.counts[place])
          try own.withUnsafeMutableBufferPointer { try ranks.sum($0) }
          return own
        }
        for sums in all {
          #expect(sums[place] == (place == 1 ? nil : expected[0]), "\(place) of \(size)")
        }
      }
    }
  }

  @Test("What fails in between is thrown at the end")
  func failure() {
    struct Lost: Communicator {
      struct Failure: Error {}
      let rank = 0, size = 2, localSize = 2
      var aside: any Communicator { self }
      func barrier() throws { throw Failure() }
      func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        throw Failure()
      }
      func gather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        throw Failure()
      }
      func exchange(
        _ pieces: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer
      ) throws { throw Failure() }
      func swap(
        _ bytes: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer,
        with partner: Int
      ) throws { throw Failure() }
      func abort(exitCode: Int32) -> Never { preconditionFailure("status \(exitCode)") }
    }
    let messages = GradientMessages(counts: [4], communicator: Lost())
    #expect(throws: Lost.Failure.self) {
      try messages.finish(rest: [Tensor(zeros: [4])])
    }
  }
}
