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

  @Test("A pixel whose numbers are none has no class, least of all the first", arguments: [0, 6])
  func undefined(channel: Int) {
    var values = DeterministicFill.tensor("logits", [1, 9, 13, 7]).values
    values[(4 * 13 + 6) * 7 + channel] = .nan
    let pass = SegmentationPass(
      logits: Tensor(values, shape: [1, 9, 13, 7]), height: 9, width: 13)
    for passes in [[pass], [pass, pass]] {
      let classes = ClassMap.classes(passes, height: 9, width: 13)
      #expect(classes[4 * 13 + 6] == ClassMap.undefined)
      #expect(classes[0] != ClassMap.undefined && classes[8 * 13] != ClassMap.undefined)
    }
  }
}
