import Foundation
import Testing

@testable import Threads

/// What is recorded of loops, and what follows for many threads.
@Suite("Traces of loops", .serialized)
struct LoopTraceTests {
  private func trace(_ loops: [(serial: Double, pieces: [Double])], rest: Double = 0) -> LoopTrace {
    LoopTrace(loops: loops.map { .init(serial: $0.serial, pieces: $0.pieces) }, rest: rest)
  }

  @Test("Bounds are those of pieces taken one after another")
  func bounds() {
    let even = trace([(0, [Double](repeating: 1, count: 64))])
    #expect(even.bound(threads: 64) == 64 && even.bound(threads: 2) == 2)
    // One piece more than threads is a second round.
    let uneven = trace([(0, [Double](repeating: 1, count: 65))])
    #expect(uneven.bound(threads: 64) == 65.0 / 2)
    // A tenth that nobody shares: Amdahl's law.
    let serial = trace([(5, [Double](repeating: 1, count: 90))], rest: 5)
    #expect(serial.serial == 10 && serial.work == 100 && serial.chain == 11)
    #expect(abs(serial.bound(threads: 90) - 100.0 / 11) < 1e-12)
  }

  @Test("Loops, pieces and what lies between are recorded; loops inside of pieces are not")
  func recording() {
    var ran = 0
    let trace = LoopTrace.record(cutFor: 8, repeats: 2) {
      #expect(ThreadPool.shared.threadCount == 8)
      ThreadPool.shared.forEach(3) { _ in
        ran += 1
        ThreadPool.shared.forEach(4) { _ in ran += 1 }
      }
      // A single piece leaves the threads to what is inside.
      ThreadPool.shared.forEach(1) { _ in ThreadPool.shared.forEach(5) { _ in ran += 1 } }
    }
    #expect(trace.loops.map(\.pieces.count) == [3, 5])
    #expect(ran == 2 * (3 + 12 + 5))
    #expect(trace.work >= trace.chain && trace.chain >= trace.serial)
    #expect(ThreadPool.shared.threadCount <= ThreadPool.shared.maximumThreadCount)
  }
}
