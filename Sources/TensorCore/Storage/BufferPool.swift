import Foundation
import Synchronization

/// Memory of tensors.
///
/// Small buffers are kept by size for the next one that asks, large ones lie in a heap of their own,
/// since images of varying sizes ask for varying buffers. Fresh pages from the system cost more than
/// the arithmetic on them.
final class BufferPool: Sendable {
  static let shared = BufferPool()

  private struct State {
    var small: [Int: [UInt]] = [:]
    var large = LargeHeap()
    var liveBytes = 0
    var peakBytes = 0
  }
  private let state = Mutex(State())

  private static let largeBytes = 1 << 16

  /// What a buffer of so many bytes takes.
  ///
  /// Small sizes are rounded up to an eighth of their power
  /// of two, so at most 12.5 % is wasted.
  static func roundedCapacity(_ bytes: Int) -> Int {
    guard bytes > 4096 else { return max(64, (bytes + 63) & ~63) }
    guard bytes < largeBytes else { return LargeHeap.rounded(bytes) }
    let step = 1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount - 3)
    return (bytes + step - 1) & ~(step - 1)
  }

  /// - Parameter capacity: Bytes, `roundedCapacity`.
  func take(_ capacity: Int) -> UnsafeMutableRawPointer {
    let kept: UInt? = state.withLock { state in
      state.liveBytes += capacity
      state.peakBytes = max(state.peakBytes, state.liveBytes)
      return capacity >= Self.largeBytes
        ? state.large.take(capacity) : state.small[capacity]?.popLast()
    }
    if let kept, let pointer = UnsafeMutableRawPointer(bitPattern: kept) { return pointer }
    return UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
  }

  func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
    state.withLock { state in
      state.liveBytes -= capacity
      if capacity >= Self.largeBytes {
        state.large.give(UInt(bitPattern: pointer), size: capacity)
      } else {
        state.small[capacity, default: []].append(UInt(bitPattern: pointer))
      }
    }
  }

  /// Forgets the peak and what is kept in reserve.
  func restartPeak() {
    let small = state.withLock { state in
      state.peakBytes = state.liveBytes
      state.large.release()
      defer { state.small.removeAll() }
      return state.small.values.flatMap { $0 }
    }
    for address in small { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
  }

  /// Bytes in live tensors, and the most there ever were.
  var usage: (live: Int, peak: Int) { state.withLock { ($0.liveBytes, $0.peakBytes) } }
}

/// Tensor memory of this process, in bytes.
public enum TensorMemory {
  /// Bytes in tensors that are alive now.
  public static var liveBytes: Int { BufferPool.shared.usage.live }
  /// Measures the peak anew from here, and gives memory in reserve back to the system.
  public static func restartPeak() { BufferPool.shared.restartPeak() }
  /// The most bytes that were alive at once since the start or `restartPeak`.
  public static var peakBytes: Int { BufferPool.shared.usage.peak }
}

/// A 64-byte-aligned block of floats that goes back to the pool when the last tensor lets go.
final class Storage {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int
  private let capacity: Int
  /// Counts the changes of what is here, so that nothing made of it outlives one.
  var version = 0
  var forwardLayout = KeptLayout()

  init(count: Int) {
    self.count = count
    capacity = BufferPool.roundedCapacity(max(1, count) * MemoryLayout<Float>.stride)
    pointer = BufferPool.shared.take(capacity).assumingMemoryBound(to: Float.self)
  }

  deinit { BufferPool.shared.give(UnsafeMutableRawPointer(pointer), capacity: capacity) }
}
