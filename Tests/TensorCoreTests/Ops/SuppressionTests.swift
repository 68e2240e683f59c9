import TensorCore
import TestSupport
import Testing

@Suite("Non-maximum suppression")
struct SuppressionTests {
  /// The boxes of dense_operations.py: clumps, with scores of which many are equal.
  private let boxes: [Float]
  private let scores: [Float]
  private let classes: [Int]
  private static let count = 400

  init() {
    let places = DeterministicFill.values(
      "nms.places", count: 2 * Self.count, bound: 60, centre: 100)
    let sizes = DeterministicFill.values(
      "nms.sizes", count: 2 * Self.count, bound: 20, centre: 30)
    boxes = (0..<Self.count).flatMap { box in
      let (x, y) = (places[2 * box], places[2 * box + 1])
      return [x, y, x + sizes[2 * box], y + sizes[2 * box + 1]]
    }
    scores = DeterministicFill.values("nms.scores", count: Self.count).map {
      ($0 * 16).rounded(.toNearestOrEven) / 16
    }
    classes = (0..<Self.count).map { $0 * 7 % 5 }
  }

  @Test("The boxes torchvision keeps, in its order", arguments: [3, 5, 7])
  func reference(tenths: Int) throws {
    let fixture = try SafetensorsFixture("TensorCore/dense_operations.safetensors")
    let threshold = Float(tenths) / 10
    let kept = nonMaximumSuppressed(boxes: boxes, scores: scores, threshold: threshold)
    #expect(kept.map(Double.init) == (try fixture.values("nms/\(tenths)")))
    let keptByClass = nonMaximumSuppressed(
      boxes: boxes, scores: scores, classes: classes, threshold: threshold)
    #expect(keptByClass.map(Double.init) == (try fixture.values("nms/\(tenths)/classes")))
    let first = nonMaximumSuppressed(
      boxes: boxes, scores: scores, threshold: threshold, limit: 17)
    #expect(first == Array(kept.prefix(17)))
  }

  @Test("Equal scores keep their order, and boxes without an area suppress nothing")
  func ties() {
    let box: [Float] = [0, 0, 10, 10]
    let point: [Float] = [3, 3, 3, 3]
    let kept = nonMaximumSuppressed(
      boxes: point + box + box + point + box, scores: [1, 2, 2, 1, 3], threshold: 0.5)
    #expect(kept == [4, 0, 3])
    // An overlap of exactly the threshold is not above it.
    let half = nonMaximumSuppressed(
      boxes: [0, 0, 2, 1, 0, 0, 1, 1], scores: [1, 0.5], threshold: 0.5)
    #expect(half == [0, 1])
    #expect(nonMaximumSuppressed(boxes: [], scores: [], threshold: 0.5).isEmpty)
    #expect(
      nonMaximumSuppressed(boxes: [], scores: [], classes: [], threshold: 0.5).isEmpty)
  }

  @Test("Ten thousand boxes, class by class, keep what the definition keeps")
  func manyBoxes() {
    let count = 10_400
    let many = (0..<count).flatMap { index in
      let at = index % Self.count * 4
      // Each repetition lies elsewhere, in whole pixels.
      return (0..<4).map { boxes[at + $0] + Float(index / Self.count * 200) }
    }
    let scores = DeterministicFill.values("nms.many", count: count)
    let labels = (0..<count).map { $0 * 7 % 5 }
    let kept = nonMaximumSuppressed(
      boxes: many, scores: scores, classes: labels, threshold: 0.5)
    // The definition, on boxes moved as documented.
    let largest = many.max() ?? 0
    var expected: [Int] = []
    func box(_ index: Int) -> [Float] {
      (0..<4).map { many[4 * index + $0] + Float(labels[index]) * (largest + 1) }
    }
    for candidate in fallingOrder(scores) {
      let a = box(candidate)
      let isFree = expected.allSatisfy { other in
        guard labels[other] == labels[candidate] else { return true }
        let b = box(other)
        let width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
        let height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
        guard width > 0 && height > 0 else { return true }
        let areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
        return !(width * height / (areas - width * height) > 0.5)
      }
      if isFree { expected.append(candidate) }
    }
    #expect(kept == expected)
    let first = nonMaximumSuppressed(
      boxes: many, scores: scores, classes: labels, threshold: 0.5, limit: 100)
    #expect(first == Array(expected.prefix(100)))
  }
}
