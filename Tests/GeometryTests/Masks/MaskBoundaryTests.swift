import CounterRandom
import Geometry
import Testing

@Suite("Boundaries of masks")
struct MaskBoundaryTests {
  /// The obvious form: a pixel is near the edge when one that far away, diagonally too, is outside.
  private func boundary(_ pixels: [UInt8], _ height: Int, _ width: Int, _ distance: Int) -> [UInt8]
  {
    func isInside(_ y: Int, _ x: Int) -> Bool {
      (0..<height).contains(y) && (0..<width).contains(x) && pixels[y * width + x] == 1
    }
    return (0..<height * width).map { at in
      let (y, x) = (at / width, at % width)
      guard isInside(y, x) else { return 0 }
      for dy in -distance...distance {
        for dx in -distance...distance where !isInside(y + dy, x + dx) { return 1 }
      }
      return 0
    }
  }

  @Test(
    "The boundary is what the obvious form says, columns of many words and image borders included",
    arguments: [(40, 30, 1), (150, 41, 3), (7, 200, 2), (200, 25, 9), (131, 80, 33), (5, 5, 2)])
  func matchesObvious(height: Int, width: Int, distance: Int) throws {
    var random = RandomStream(seed: 7, purpose: .test, sample: height)
    let intervals = MaskIntervals()
    for holes in [0, 1, 12] {
      var pixels = [UInt8](repeating: 0, count: height * width)
      // A box that may reach the border, with holes.
      let (top, left) = (random.below(3), random.below(3))
      for y in top..<height - random.below(3) {
        for x in left..<width - random.below(2) { pixels[y * width + x] = 1 }
      }
      for _ in 0..<holes { pixels[random.below(pixels.count)] = 0 }
      let mask = pixels.withUnsafeBufferPointer {
        RunLengthMask(height: height, width: width, pixels: $0)
      }
      intervals.removeAll()
      let slot = intervals.append(runs: mask.runs, height: height)
      let own = intervals.appendBoundary(of: slot, height: height, distance: distance)
      let expected = boundary(pixels, height, width, distance)
      #expect(intervals.mask(own, height: height, width: width).pixels == expected)
      #expect(own.area == expected.reduce(0) { $0 + Int($1) })
    }
  }

  @Test("An empty mask has an empty boundary, and a thin one is all boundary")
  func thin() {
    let intervals = MaskIntervals()
    #expect(intervals.appendBoundary(of: .empty, height: 9, distance: 1).area == 0)
    let thin = intervals.append(runs: [9, 2, 7, 2, 7], height: 9)
    #expect(intervals.appendBoundary(of: thin, height: 9, distance: 1) == thin)
  }

  @Test("The distance is a fiftieth of the diagonal, a half to the even number, at least 1")
  func distance() {
    #expect(MaskIntervals.boundaryDistance(height: 480, width: 640) == 16)
    #expect(MaskIntervals.boundaryDistance(height: 3, width: 4) == 1)
    // A diagonal of 125 has 2.5, one of 175 3.5.
    #expect(MaskIntervals.boundaryDistance(height: 75, width: 100) == 2)
    #expect(MaskIntervals.boundaryDistance(height: 105, width: 140) == 4)
  }
}
