import Foundation
import Synchronization

/// A fixed set of threads that share out the pieces of one loop at a time.
///
/// Which thread takes which piece is left to chance; what a piece computes must not depend on it.
/// A loop started from inside a piece runs on the thread that started it.
public final class ThreadPool: Sendable {
  /// The pool of this process: one thread a processor, or SWINBENCH_THREADS.
  public static let shared = ThreadPool(
    threadCount: ProcessInfo.processInfo.environment["SWINBENCH_THREADS"].flatMap(Int.init)
      ?? ProcessInfo.processInfo.activeProcessorCount)

  // The address of the running loop's `LoopBody` and its number of pieces. The body lives on the
  // caller's stack frame; the caller does not return before every worker has let go of it.
  private let currentBody = Atomic<UInt>(0)
  private let currentCount = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let nextPiece = Atomic<Int>(0)
  private let pending = Atomic<Int>(0)
  private let activeLimit: Atomic<Int>
  private let condition = NSCondition()
  private let callers = NSLock()

  /// Starts `threadCount - 1` threads; the caller of a loop is the last one.
  public init(threadCount: Int) {
    let workers = max(0, min(threadCount, 256) - 1)
    activeLimit = Atomic(workers + 1)
    maximumThreadCount = workers + 1
    for index in 0..<workers {
      let thread = Thread { [self] in serve(index + 1) }
      thread.stackSize = 8 << 20
      thread.name = "swinbench-\(index + 1)"
      thread.start()
    }
  }

  /// How many threads the pool owns, the caller included.
  public let maximumThreadCount: Int

  /// How many threads take part in a loop, the caller included; at most `maximumThreadCount`.
  public var threadCount: Int {
    get {
      let assumed = LoopTrace.Recorder.assumedThreads.load(ordering: .relaxed)
      return assumed > 0 ? assumed : activeLimit.load(ordering: .relaxed)
    }
    set { activeLimit.store(max(1, min(newValue, maximumThreadCount)), ordering: .relaxed) }
  }

  /// Whether the calling thread runs a piece of a loop, so that loops of its own stay on it.
  public static var isInsideLoop: Bool { LoopFlag.isInside }

  /// Runs `body` for 0..<count and returns when every piece is done.
  public func forEach(_ count: Int, _ body: (Int) -> Void) {
    guard count > 0 else { return }
    if LoopTrace.Recorder.assumedThreads.load(ordering: .relaxed) > 0,
      let recorder = LoopTrace.Recorder.current.withLock({ $0 })
    {
      recorder.run(count, body)
      return
    }
    if count == 1 || threadCount == 1 || LoopFlag.isInside || !callers.try() {
      for piece in 0..<count { body(piece) }
      return
    }
    defer { callers.unlock() }
    withoutActuallyEscaping(body) { escaping in
      let loop = LoopBody(escaping)
      withExtendedLifetime(loop) {
        let address = UInt(bitPattern: Unmanaged.passUnretained(loop).toOpaque())
        currentBody.store(address, ordering: .relaxed)
        currentCount.store(count, ordering: .relaxed)
        nextPiece.store(0, ordering: .relaxed)
        pending.store(maximumThreadCount - 1, ordering: .releasing)
        condition.lock()
        generation.add(1, ordering: .releasing)
        condition.broadcast()
        condition.unlock()
        LoopFlag.isInside = true
        takePieces()
        LoopFlag.isInside = false
        var spins = 0
        while pending.load(ordering: .acquiring) != 0 {
          spins += 1
          if spins > 20_000 { sched_yield() }
        }
      }
    }
  }

  /// Runs pieces until none are left.
  ///
  /// Every reference to the body is gone when it returns.
  @inline(never)
  private func takePieces() {
    guard let address = UnsafeRawPointer(bitPattern: currentBody.load(ordering: .relaxed)) else {
      return
    }
    let count = currentCount.load(ordering: .relaxed)
    Unmanaged<LoopBody>.fromOpaque(address)._withUnsafeGuaranteedRef { loop in
      while true {
        let piece = nextPiece.add(1, ordering: .relaxed).oldValue
        guard piece < count else { return }
        loop.body(piece)
      }
    }
  }

  private func serve(_ index: Int) {
    LoopFlag.isInside = true
    var seen = 0
    while true {
      var spins = 0
      while generation.load(ordering: .acquiring) == seen, spins < 4_000 { spins += 1 }
      if generation.load(ordering: .acquiring) == seen {
        condition.lock()
        while generation.load(ordering: .acquiring) == seen { condition.wait() }
        condition.unlock()
      }
      seen = generation.load(ordering: .acquiring)
      if index < activeLimit.load(ordering: .relaxed) { takePieces() }
      pending.subtract(1, ordering: .releasing)
    }
  }
}

/// Computes a value for every index, by all threads; the order of the results is that of indices.
@inlinable
public func threadMap<Value: Sendable>(_ count: Int, _ body: (Int) -> Value) -> [Value] {
  guard count > 0 else { return [] }
  return [Value](unsafeUninitializedCapacity: count) { buffer, filled in
    nonisolated(unsafe) let base = buffer.baseAddress
    ThreadPool.shared.forEach(count) { index in
      base.map { ($0 + index).initialize(to: body(index)) }
    }
    filled = count
  }
}

/// The closure of one loop.
private final class LoopBody {
  let body: (Int) -> Void
  init(_ body: @escaping (Int) -> Void) { self.body = body }
}

/// Whether this thread is running a piece of a loop.
private enum LoopFlag {
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  static var isInside: Bool {
    get { pthread_getspecific(key) != nil }
    set { pthread_setspecific(key, newValue ? UnsafeRawPointer(bitPattern: 1) : nil) }
  }
}
