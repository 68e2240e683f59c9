import Foundation

/// Large buffers out of chunks of the system's memory: the first gap that is large enough, by
/// address; freed neighbours become one gap again.
///
/// Buffers of one step come and go in sizes that fit each other's gaps, so that a step after the
/// first touches no page that is new. What was once in use stays with the process until `release`.
struct LargeHeap {
  private struct Gap {
    var start: UInt
    var size: Int
    var end: UInt { start + UInt(size) }
  }
  /// By address; no two touch.
  private var gaps: [Gap] = []
  /// Pieces of the system's memory so far; neighbours among them are as one.
  private(set) var chunkCount = 0
  var gapCount: Int { gaps.count }

  private static let chunk = 256 << 20
  private static let page = 4096

  /// What a buffer of so many bytes takes.
  static func rounded(_ bytes: Int) -> Int { (bytes + page - 1) & ~(page - 1) }

  /// A buffer whose contents are not defined.
  ///
  /// - Parameter size: Bytes, `rounded`.
  mutating func take(_ size: Int) -> UInt {
    while true {
      if let at = gaps.firstIndex(where: { $0.size >= size }) {
        let start = gaps[at].start
        if gaps[at].size == size {
          gaps.remove(at: at)
        } else {
          gaps[at].start += UInt(size)
          gaps[at].size -= size
        }
        return start
      }
      grow(by: max(Self.chunk, size))
    }
  }

  /// Takes a buffer back.
  mutating func give(_ start: UInt, size: Int) {
    var gap = Gap(start: start, size: size)
    // The first gap behind it.
    var (low, high) = (0, gaps.count)
    while low < high {
      let middle = (low + high) / 2
      if gaps[middle].start < start { low = middle + 1 } else { high = middle }
    }
    if low < gaps.count, gap.end == gaps[low].start {
      gap.size += gaps[low].size
      gaps.remove(at: low)
    }
    if low > 0, gaps[low - 1].end == gap.start {
      gaps[low - 1].size += gap.size
    } else {
      gaps.insert(gap, at: low)
    }
  }

  /// Gives the memory of all gaps back to the system; they stay usable.
  func release() {
    for gap in gaps {
      madvise(UnsafeMutableRawPointer(bitPattern: gap.start), gap.size, MADV_DONTNEED)
    }
  }

  private mutating func grow(by size: Int) {
    chunkCount += 1
    let mapped = mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let chunk = mapped, chunk != MAP_FAILED else {
      // Allocating says what the system says when it has no memory left.
      let last = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: Self.page)
      return give(UInt(bitPattern: last), size: size)
    }
    #if canImport(Glibc)
      // A wish: without large pages memory is as right, and slower to get.
      madvise(chunk, size, MADV_HUGEPAGE)
    #endif
    give(UInt(bitPattern: chunk), size: size)
  }
}
