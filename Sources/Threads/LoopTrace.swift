import Foundation
import Synchronization

/// What a piece of work is made of: loops whose pieces threads may share, and what lies between them.
///
/// Recorded on one thread, where every piece takes its own time. From it follows how fast any number
/// of threads could be at most.
public struct LoopTrace: Sendable {
  /// A loop of the pool, and the work before it that no loop shares.
  public struct Loop: Sendable {
    /// Seconds since the loop before.
    public let serial: Double
    /// Seconds of each piece.
    public let pieces: [Double]

    /// Seconds on some threads that take one piece after another; the loop ends with the last.
    public func seconds(threads: Int) -> Double {
      guard pieces.count > threads else { return pieces.max() ?? 0 }
      var free = [Double](repeating: 0, count: threads)
      for piece in pieces {
        let next = free.indices.min { free[$0] < free[$1] } ?? 0
        free[next] += piece
      }
      return free.max() ?? 0
    }
  }

  /// The loops in order.
  public let loops: [Loop]
  /// Seconds after the last one.
  public let rest: Double

  /// Seconds of everything on one thread.
  public var work: Double {
    loops.reduce(rest) { $0 + $1.serial + $1.pieces.reduce(0, +) }
  }

  /// Seconds that no loop shares.
  public var serial: Double { loops.reduce(rest) { $0 + $1.serial } }

  /// Seconds with as many threads as there are pieces: the longest chain.
  public var chain: Double {
    loops.reduce(rest) { $0 + $1.serial + ($1.pieces.max() ?? 0) }
  }

  /// How much faster some threads are at most, before what waking them costs.
  public func bound(threads: Int) -> Double {
    work / loops.reduce(rest) { $0 + $1.serial + $1.seconds(threads: threads) }
  }

  /// Runs `body` on one thread some times and records its loops: of each piece the shortest time,
  /// since other work of the machine only adds to it.
  ///
  /// - Parameters:
  ///   - threads: How many threads loops are to be cut for.
  ///   - repeats: How often `body` runs.
  public static func record(
    cutFor threads: Int, repeats: Int = 3, _ body: () throws -> Void
  ) rethrows -> LoopTrace {
    var trace = try record(once: threads, body)
    for _ in 1..<max(1, repeats) {
      let next = try record(once: threads, body)
      // What is laid out once and kept makes fewer loops later: then the later ones count.
      guard next.loops.map(\.pieces.count) == trace.loops.map(\.pieces.count) else {
        trace = next
        continue
      }
      trace = LoopTrace(
        loops: zip(trace.loops, next.loops).map { a, b in
          Loop(serial: min(a.serial, b.serial), pieces: zip(a.pieces, b.pieces).map { min($0, $1) })
        }, rest: min(trace.rest, next.rest))
    }
    return trace
  }

  private static func record(
    once threads: Int, _ body: () throws -> Void
  ) rethrows -> LoopTrace {
    let recorder = Recorder()
    Recorder.current.withLock { $0 = recorder }
    Recorder.assumedThreads.store(threads, ordering: .relaxed)
    recorder.isActive = true
    defer {
      Recorder.assumedThreads.store(0, ordering: .relaxed)
      Recorder.current.withLock { $0 = nil }
    }
    try body()
    return LoopTrace(loops: recorder.loops, rest: recorder.secondsSinceLast())
  }

  /// Collects the loops of the thread that records.
  final class Recorder: @unchecked Sendable {
    static let current = Mutex<Recorder?>(nil)
    // Not 0 while something is recorded; looked at by every loop, so it costs no lock.
    static let assumedThreads = Atomic(0)

    private let thread = pthread_self()
    private var last = Recorder.now
    private(set) var loops: [Loop] = []
    var isActive = false

    static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    func secondsSinceLast() -> Double {
      isActive = false
      return Self.now - last
    }

    /// Runs a loop's pieces; those of other threads and of loops inside of pieces are not recorded.
    func run(_ count: Int, _ body: (Int) -> Void) {
      // A single piece leaves the threads to the loops inside of it.
      guard isActive, count > 1, pthread_equal(thread, pthread_self()) != 0 else {
        for piece in 0..<count { body(piece) }
        return
      }
      isActive = false
      let start = Self.now
      var times: [Double] = []
      times.reserveCapacity(count)
      var at = start
      for piece in 0..<count {
        body(piece)
        let end = Self.now
        times.append(end - at)
        at = end
      }
      loops.append(Loop(serial: start - last, pieces: times))
      last = Self.now
      isActive = true
    }
  }
}
