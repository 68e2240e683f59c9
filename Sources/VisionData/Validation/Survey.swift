import Foundation
import Synchronization

/// Runs a function for 0..<count on some threads and collects what it returns, in order.
///
/// - Parameter progress: Called from any thread with the calls done and their number.
package func survey<Outcome: Sendable>(
  _ count: Int, threadCount: Int, progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void,
  _ body: @escaping @Sendable (Int) -> Outcome
) -> [Outcome] {
  let results = SurveyResults<Outcome>()
  let group = DispatchGroup()
  for _ in 0..<max(1, min(threadCount, count)) {
    group.enter()
    let thread = Thread {
      while true {
        let index = results.next.add(1, ordering: .relaxed).oldValue
        guard index < count else { break }
        let outcome = body(index)
        results.outcomes.withLock { $0[index] = outcome }
        progress(results.done.add(1, ordering: .relaxed).newValue, count)
      }
      group.leave()
    }
    thread.stackSize = 4 << 20
    thread.start()
  }
  group.wait()
  return results.outcomes.withLock { outcomes in (0..<count).compactMap { outcomes[$0] } }
}

/// What the threads of one survey share.
private final class SurveyResults<Outcome: Sendable>: Sendable {
  let outcomes: Mutex<[Int: Outcome]> = Mutex([:])
  let next = Atomic<Int>(0)
  let done = Atomic<Int>(0)
}
