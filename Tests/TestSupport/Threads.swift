import Foundation
import TensorCore
import Threads

private let threadCountLock = NSLock()

/// Runs `body` with another number of threads in the shared pool, one caller at a time.
public func withThreadCount<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
  threadCountLock.lock()
  let before = ThreadPool.shared.threadCount
  ThreadPool.shared.threadCount = count
  defer {
    ThreadPool.shared.threadCount = before
    threadCountLock.unlock()
  }
  return try body()
}
