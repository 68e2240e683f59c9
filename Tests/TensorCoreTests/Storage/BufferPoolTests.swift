import CounterRandom
import Testing

@testable import TensorCore

@Suite("Memory of tensors", .serialized)
struct BufferPoolTests {
  @Test("Large buffers never overlap, and gaps become one again, whatever the order")
  func heap() {
    var heap = LargeHeap()
    var live: [(start: UInt, size: Int)] = []
    var stream = RandomStream(seed: 3, purpose: .test, sample: 0)
    for _ in 0..<4000 {
      if live.isEmpty || stream.uniformDouble() < 0.52 {
        let size = LargeHeap.rounded(1 + Int(stream.uniformDouble() * 3e6))
        let start = heap.take(size)
        let end = start + UInt(size)
        #expect(
          !live.contains { start < $0.start + UInt($0.size) && $0.start < end },
          "\(start) to \(end) is in use")
        live.append((start, size))
      } else {
        let (start, size) = live.remove(at: Int(stream.uniformDouble() * Double(live.count)))
        heap.give(start, size: size)
      }
    }
    // What everything was taken from is there again: as much fits as at the start.
    let total = live.reduce(0) { $0 + $1.size }
    for (start, size) in live { heap.give(start, size: size) }
    let again = heap.take(LargeHeap.rounded(200 << 20))
    heap.give(again, size: LargeHeap.rounded(200 << 20))
    #expect(total > 0)
    #expect(heap.gapCount <= heap.chunkCount)
  }

  @Test("Memory that went back to the system can be used again")
  func release() {
    var heap = LargeHeap()
    let size = LargeHeap.rounded(1 << 20)
    let first = heap.take(size)
    heap.give(first, size: size)
    heap.release()
    let second = heap.take(size)
    let pointer = UnsafeMutablePointer<UInt8>(bitPattern: second)
    #expect(second == first && pointer?.pointee == 0)
    pointer?[size - 1] = 7
    #expect(pointer?[size - 1] == 7)
  }

  @Test("Live and peak bytes count every tensor, and a tensor of the same size takes its place")
  func counts() {
    TensorMemory.restartPeak()
    let before = TensorMemory.liveBytes
    let address: UInt = {
      let large = Tensor(uninitialized: [1 << 20])
      #expect(TensorMemory.liveBytes >= before + (4 << 20))
      return UInt(bitPattern: large.pointer)
    }()
    #expect(TensorMemory.peakBytes >= before + (4 << 20))
    let next = Tensor(uninitialized: [1 << 20])
    #expect(UInt(bitPattern: next.pointer) == address)
  }
}
