import Foundation
import Synchronization
import Testing
import Threads

private final class Box: @unchecked Sendable {
  // Each part is written by one thread.
  let values: UnsafeMutableBufferPointer<Int>
  init(_ count: Int) {
    values = .allocate(capacity: count)
    values.initialize(repeating: 0)
  }
  deinit { values.deallocate() }
}

private struct Fault: Error, Equatable { let part: Int }

@Suite("Ordered prefetch", .timeLimit(.minutes(5)))
struct OrderedPrefetchTests {
  private func parts(_ number: Int) -> Int { number % 4 }

  private func prefetch(
    _ elements: Range<Int>, depth: Int, threads: Int
  ) -> OrderedPrefetch<Box> {
    OrderedPrefetch(elements, depth: depth, threadCount: threads, partCount: parts) { number in
      Box(number % 4)
    } load: { box, number, part in
      // Later parts tend to be done first.
      if number % 5 == 0 { usleep(UInt32(300 * (4 - part))) }
      box.values[part] = number * 10 + part
    }
  }

  @Test(
    "Any depth and number of threads give what one loop gives",
    arguments: [(1, 1), (1, 8), (2, 3), (5, 2), (50, 8)])
  func order(depth: Int, threads: Int) {
    let loader = prefetch(3..<60, depth: depth, threads: threads)
    var seen: [[Int]] = []
    while let (box, failures) = loader.next() {
      #expect(failures.isEmpty)
      seen.append(Array(box.values))
    }
    #expect(seen == (3..<60).map { number in (0..<number % 4).map { number * 10 + $0 } })
    #expect(loader.next() == nil)
  }

  @Test("Nothing wanted is nothing made")
  func empty() {
    #expect(prefetch(7..<7, depth: 2, threads: 4).next() == nil)
  }

  @Test("Failures come by part, and later elements are made all the same")
  func failures() throws {
    let loader = OrderedPrefetch(
      0..<3, depth: 2, threadCount: 4, partCount: { _ in 6 }, open: { $0 }
    ) { _, number, part in
      guard number == 1, part % 2 == 1 else { return }
      usleep(UInt32(500 * (6 - part)))
      throw Fault(part: part)
    }
    #expect(try #require(loader.next()).failures.isEmpty)
    let second = try #require(loader.next())
    #expect(second.failures.map(\.part) == [1, 3, 5])
    #expect(second.failures.compactMap { $0.error as? Fault } == [1, 3, 5].map(Fault.init))
    let third = try #require(loader.next())
    #expect(third.element == 2 && third.failures.isEmpty)
  }

  @Test("No more elements are begun than the depth allows")
  func bounded() {
    let opened = Atomic<Int>(0)
    let loader = OrderedPrefetch(
      0..<100, depth: 3, threadCount: 4, partCount: { _ in 1 },
      open: { number in
        opened.add(1, ordering: .relaxed); return number
      }
    ) { _, _, _ in }
    _ = loader.next()
    usleep(50_000)
    #expect(opened.load(ordering: .relaxed) == 4)
  }

  @Test("A loader that is let go of stops its threads")
  func cancel() {
    let running = Atomic<Int>(0)
    do {
      let loader = OrderedPrefetch(
        0..<1000, depth: 1000, threadCount: 2, partCount: { _ in 1 }, open: { $0 }
      ) { _, _, _ in
        running.add(1, ordering: .relaxed)
        usleep(1000)
      }
      _ = loader.next()
    }
    usleep(100_000)
    let count = running.load(ordering: .relaxed)
    usleep(100_000)
    #expect(running.load(ordering: .relaxed) == count)
    #expect(count < 1000)
  }
}
