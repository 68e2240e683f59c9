import Foundation
import Synchronization
import Testing
import Threads

@Suite("The pool of threads", .serialized, .timeLimit(.minutes(5)))
struct ThreadPoolTests {
  @Test("Every piece runs exactly once", arguments: [0, 1, 2, 7, 1000])
  func pieces(count: Int) {
    let seen = Mutex([Int](repeating: 0, count: count))
    ThreadPool.shared.forEach(count) { piece in seen.withLock { $0[piece] += 1 } }
    #expect(seen.withLock { $0 } == [Int](repeating: 1, count: count))
  }

  @Test("Loops inside pieces and loops from several threads come to an end")
  func nesting() async {
    let total = Atomic(0)
    ThreadPool.shared.forEach(5) { _ in
      ThreadPool.shared.forEach(7) { _ in total.add(1, ordering: .relaxed) }
    }
    #expect(total.load(ordering: .relaxed) == 35)
    let sums = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let sum = Atomic(0)
          for _ in 0..<200 {
            ThreadPool.shared.forEach(10) { sum.add($0, ordering: .relaxed) }
          }
          return sum.load(ordering: .relaxed)
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == [Int](repeating: 200 * 45, count: 8))
  }

  @Test("The pool has as many threads as asked for")
  func threadCount() {
    let pool = ThreadPool(threadCount: 3)
    #expect(pool.maximumThreadCount == 3)
    pool.threadCount = 2
    #expect(pool.threadCount == 2)
    pool.threadCount = 9
    #expect(pool.threadCount == 3)
    pool.threadCount = 0
    #expect(pool.threadCount == 1)
    let sum = Atomic(0)
    pool.forEach(100) { sum.add($0, ordering: .relaxed) }
    #expect(sum.load(ordering: .relaxed) == 4950)
  }

  @Test("Short loops one after another, with workers that come in time, late, or not at all")
  func shortLoops() {
    let pool = ThreadPool(threadCount: 4)
    var wrong = 0
    for loop in 0..<20_000 {
      // What a loop writes lives on the stack of its caller: a late worker must not touch it.
      let sum = Atomic(0)
      let count = 1 + loop % 5
      pool.forEach(count) { piece in sum.add(loop + piece, ordering: .relaxed) }
      if sum.load(ordering: .relaxed) != count * loop + count * (count - 1) / 2 { wrong += 1 }
      // Long enough that workers go to sleep.
      if loop % 4_000 == 0 { usleep(2_000) }
    }
    #expect(wrong == 0)
  }

  @Test("Pieces of any lengths are written one after another")
  func concatenation() {
    for counts in [[], [0], [3], [0, 5, 0, 0, 2, 1000, 1, 0], [Int](repeating: 17, count: 200)] {
      let all: [String] = threadConcatenate(counts) { piece, room in
        for at in room.indices { room.initializeElement(at: at, to: "\(piece):\(at)") }
      }
      let expected = counts.enumerated().flatMap { piece, count in
        (0..<count).map { "\(piece):\($0)" }
      }
      #expect(all == expected)
    }
  }
}
