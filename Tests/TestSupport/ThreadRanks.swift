import Foundation
import Processes

/// Ranks that are threads of this process, and collectives that copy under a lock: the slow obvious
/// communicator that others are held against.
public final class ThreadRanks: @unchecked Sendable {
  private let size: Int
  private let condition = NSCondition()
  private var arrived = 0
  private var generation = 0
  private var posted: [[UInt8]]
  private var board: [[UInt8]] = []
  private let aside: ThreadRanks?

  /// Makes a group of `size` ranks.
  public convenience init(_ size: Int) { self.init(size, aside: ThreadRanks(size, aside: nil)) }

  private init(_ size: Int, aside: ThreadRanks?) {
    self.size = size
    self.aside = aside
    posted = .init(repeating: [], count: size)
  }

  /// Runs `body` once a rank, each on a thread of its own, and gives what they return, by rank.
  ///
  /// - Throws: What the lowest rank that failed threw.
  public func run<Value: Sendable>(
    _ body: @escaping @Sendable (any Communicator) throws -> Value
  ) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Result<Value, any Error>).self) { group in
      for rank in 0..<size {
        group.addTask {
          await withCheckedContinuation { continuation in
            let thread = Thread {
              let result = Result { try body(Rank(group: self, rank: rank)) }
              continuation.resume(returning: (rank, result))
            }
            thread.stackSize = 8 << 20
            thread.start()
          }
        }
      }
      var results: [Int: Result<Value, any Error>] = [:]
      for try await (rank, result) in group { results[rank] = result }
      return try (0..<size).compactMap { try results[$0]?.get() }
    }
  }

  /// Posts a rank's bytes, waits for all, and gives everyone's.
  fileprivate func meet(_ rank: Int, _ bytes: [UInt8]) -> [[UInt8]] {
    condition.lock()
    defer { condition.unlock() }
    posted[rank] = bytes
    arrived += 1
    let mine = generation
    if arrived == size {
      board = posted
      arrived = 0
      generation += 1
      condition.broadcast()
    } else {
      while generation == mine { condition.wait() }
    }
    // The board stays as it is until all ranks, this one too, come again.
    return board
  }

  private struct Rank: Communicator {
    let group: ThreadRanks
    let rank: Int
    var size: Int { group.size }
    var localSize: Int { group.size }
    var aside: any Communicator { Rank(group: group.aside ?? group, rank: rank) }

    func barrier() { _ = group.meet(rank, []) }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
      bytes.copyBytes(from: group.meet(rank, Array(bytes))[root])
    }

    func gather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) {
      all.copyBytes(from: group.meet(rank, Array(bytes)).joined())
    }

    func exchange(
      _ pieces: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer
    ) {
      let length = pieces.count / size
      let mine = rank * length..<(rank + 1) * length
      received.copyBytes(from: group.meet(rank, Array(pieces)).flatMap { $0[mine] })
    }

    func swap(
      _ bytes: UnsafeRawBufferPointer, into received: UnsafeMutableRawBufferPointer,
      with partner: Int
    ) {
      received.copyBytes(from: group.meet(rank, Array(bytes))[partner])
    }

    func abort(exitCode: Int32) -> Never { exit(exitCode) }
  }
}
