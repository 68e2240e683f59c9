import Foundation
import Synchronization

/// Keeps freed buffers for the next tensor of about the same size: a training step asks for the
/// same sizes again and again, and fresh pages from the system cost more than the arithmetic.
final class BufferPool: Sendable {
  static let shared = BufferPool()

  private struct State {
    var free: [Int: [UInt]] = [:]
    var cachedBytes = 0
    var liveBytes = 0
    var peakBytes = 0
  }
  private let state = Mutex(State())

  /// Sizes are rounded up to an eighth of their power of two, so at most 12.5 % is wasted.
  static func roundedCapacity(_ bytes: Int) -> Int {
    guard bytes > 4096 else { return max(64, (bytes + 63) & ~63) }
    let step = 1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount - 3)
    return (bytes + step - 1) & ~(step - 1)
  }

  func take(_ capacity: Int) -> UnsafeMutableRawPointer {
    let cached: UInt? = state.withLock { state in
      state.liveBytes += capacity
      state.peakBytes = max(state.peakBytes, state.liveBytes)
      guard let address = state.free[capacity]?.popLast() else { return nil }
      state.cachedBytes -= capacity
      return address
    }
    if let cached, let pointer = UnsafeMutableRawPointer(bitPattern: cached) { return pointer }
    return UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
  }

  func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
    let excess = state.withLock { state in
      state.liveBytes -= capacity
      state.free[capacity, default: []].append(UInt(bitPattern: pointer))
      state.cachedBytes += capacity
      // Never keep more in reserve than was ever in use at once.
      guard state.cachedBytes + state.liveBytes > state.peakBytes + (64 << 20) else {
        return [UInt]()
      }
      let all = state.free.values.flatMap { $0 }
      state.free.removeAll()
      state.cachedBytes = 0
      return all
    }
    for address in excess { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
  }

  /// Forgets the peak and what is kept in reserve.
  func restartPeak() {
    let all = state.withLock { state in
      state.peakBytes = state.liveBytes
      state.cachedBytes = 0
      defer { state.free.removeAll() }
      return state.free.values.flatMap { $0 }
    }
    for address in all { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
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
