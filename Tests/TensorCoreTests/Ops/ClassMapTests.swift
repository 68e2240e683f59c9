import TestSupport
import Testing
import Threads

@testable import TensorCore

@Suite("Class map", .serialized)
struct ClassMapTests {
  @Test("A class map is two bilinear resizes, on any number of threads")
  func classMap() {
    let logits = DeterministicFill.tensor("logits", [1, 9, 13, 7])
    let once = bilinearResized(logits, height: 35, width: 50)
    let twice = bilinearResized(once, height: 41, width: 33)
    let pass = SegmentationPass(logits: logits, height: 35, width: 50)
    let classes = ClassMap.classes([pass], height: 41, width: 33)
    var differing = 0
    for pixel in 0..<41 * 33 {
      let values = (0..<7).map { twice.pointer[pixel * 7 + $0] }
      let best = values.indices.max { (values[$0], -$0) < (values[$1], -$1) } ?? 0
      // The order of the two weighings differs, so near ties may fall either way.
      if Int(classes[pixel]) != best,
        abs(values[best] - values[Int(classes[pixel])]) > 1e-5
      {
        differing += 1
      }
    }
    #expect(differing == 0)
    let threads = ThreadPool.shared.threadCount
    ThreadPool.shared.threadCount = 1
    #expect(ClassMap.classes([pass], height: 41, width: 33) == classes)
    ThreadPool.shared.threadCount = threads
  }
}
