import Dispatch
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
  // caller's stack frame; the caller does not return before every worker that came has let go of it.
  private let currentBody = Atomic<UInt>(0)
  private let currentCount = Atomic<Int>(0)
  private let nextPiece = Atomic<Int>(0)
  // The number of the running loop, and how many workers have come to it or that it takes no more.
  private let gate = Atomic<UInt64>(Gate(loop: 0).word)
  // Workers that came and are done.
  private let leftCount = Atomic<Int>(0)
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
        leftCount.store(0, ordering: .relaxed)
        condition.lock()
        gate.store(Gate(gate.load(ordering: .relaxed)).next.word, ordering: .releasing)
        condition.broadcast()
        condition.unlock()
        LoopFlag.isInside = true
        takePieces()
        LoopFlag.isInside = false
        // Nobody waits for a worker that is still asleep.
        let came = closeGate()
        var spins = 0
        while leftCount.load(ordering: .acquiring) != came {
          spins += 1
          if spins > 20_000 { sched_yield() }
        }
      }
    }
  }

  /// Lets no more workers in.
  ///
  /// - Returns: How many came.
  private func closeGate() -> Int {
    var word = gate.load(ordering: .relaxed)
    while true {
      let (exchanged, original) = gate.weakCompareExchange(
        expected: word, desired: Gate(word).closed.word, ordering: .acquiringAndReleasing)
      if exchanged { return Gate(original).cameCount }
      word = original
    }
  }

  /// Whether the calling worker is let in to the loop `seen`.
  private func enters(_ seen: UInt64) -> Bool {
    var word = gate.load(ordering: .relaxed)
    while true {
      let state = Gate(word)
      guard state.loop == seen, !state.isClosed else { return false }
      let (exchanged, original) = gate.weakCompareExchange(
        expected: word, desired: state.withOneMore.word, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      word = original
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
    var seen: UInt64 = 0
    while true {
      seen = nextLoop(after: seen)
      guard index < activeLimit.load(ordering: .relaxed), enters(seen) else { continue }
      takePieces()
      leftCount.add(1, ordering: .releasing)
    }
  }

  /// Waits for another loop than `seen`.
  ///
  /// Between two loops of a network lie some dozen microseconds of serial work, and to wake a thread
  /// that sleeps takes as long, so a thread looks for a while before it sleeps. It does not yield:
  /// beside other programs that would cost it its turn.
  private func nextLoop(after seen: UInt64) -> UInt64 {
    func look() -> UInt64 { Gate(gate.load(ordering: .acquiring)).loop }
    var looks = 0
    var start: UInt64 = 0
    while true {
      let loop = look()
      if loop != seen { return loop }
      looks += 1
      guard looks % 256 == 0 else { continue }
      let now = DispatchTime.now().uptimeNanoseconds
      if start == 0 { start = now }
      if now - start > Self.patience { break }
    }
    condition.lock()
    defer { condition.unlock() }
    while look() == seen { condition.wait() }
    return look()
  }

  /// How long a thread looks for the next loop before it sleeps, in nanoseconds.
  private static let patience: UInt64 = 60_000
}

/// A loop's number, whether it is closed, and how many workers came to it, in one word.
private struct Gate {
  let word: UInt64

  init(_ word: UInt64) { self.word = word }

  init(loop: UInt64) { word = loop << 16 }

  var loop: UInt64 { word >> 16 }
  var isClosed: Bool { word & 1 << 15 != 0 }
  var cameCount: Int { Int(word & 0x7FFF) }

  var next: Gate { Gate(loop: loop + 1) }
  var closed: Gate { Gate(word | 1 << 15) }
  var withOneMore: Gate { Gate(word + 1) }
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

/// One list of pieces of these lengths, each written by one thread.
///
/// - Parameter fill: Gets a piece's number and its room, all of which it must initialize.
@inlinable
public func threadConcatenate<Value>(
  _ counts: [Int], _ fill: (Int, UnsafeMutableBufferPointer<Value>) -> Void
) -> [Value] {
  let total = counts.reduce(0, +)
  guard total > 0 else { return [] }
  var starts = [0]
  for count in counts { starts.append(starts[starts.count - 1] + count) }
  let pieces = starts
  return [Value](unsafeUninitializedCapacity: total) { buffer, filled in
    nonisolated(unsafe) let all = buffer
    ThreadPool.shared.forEach(counts.count) { piece in
      fill(piece, UnsafeMutableBufferPointer(rebasing: all[pieces[piece]..<pieces[piece + 1]]))
    }
    filled = total
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
