import TensorCore
import Testing

@Suite("Window geometry")
struct WindowGeometryTests {
  @Test("The relative position index has the anchors of the 7x7 window")
  func positionIndex() {
    let index = WindowGeometry.relativePositionIndex(window: 7)
    func at(_ i: Int, _ j: Int) -> Int32 { index[i * 49 + j] }
    #expect(index.count == 49 * 49)
    #expect(at(0, 0) == 84)
    #expect(at(0, 48) == 0)
    #expect(at(48, 0) == 168)
    #expect(at(0, 1) == 83)
    #expect(at(0, 7) == 71)
    #expect(Set(index) == Set(0...168))
    for i in 0..<49 {
      for j in 0..<49 { #expect(at(i, j) + at(j, i) == 168) }
    }
  }

  /// The mask between two slots of a window, 0 where the window has none.
  private func mask(_ geometry: WindowGeometry, _ window: Int, _ i: Int, _ j: Int) -> Float {
    let index = geometry.maskIndices[window]
    return index < 0 ? 0 : geometry.masks[index][i * geometry.rowLength + j]
  }

  @Test("Only the last row and column of windows are masked, by 0 or -100, symmetrically")
  func shiftMask() {
    let geometry = WindowGeometry.windows(height: 28, width: 21, window: 7, shift: 3)
    #expect(geometry.windowCount == 12)
    for window in 0..<12 {
      let isEdge = window / 3 == 3 || window % 3 == 2
      #expect((geometry.maskIndices[window] >= 0) == isEdge)
      for i in 0..<49 {
        #expect(mask(geometry, window, i, i) == 0)
        for j in 0..<49 {
          let value = mask(geometry, window, i, j)
          #expect(value == mask(geometry, window, j, i))
          #expect(value == 0 || value == -100)
        }
      }
    }
    let still = WindowGeometry.windows(height: 28, width: 21, window: 7, shift: 0)
    #expect(still.maskIndices.allSatisfy { $0 == -1 })
  }

  @Test(
    "A shifted window joins tokens unmasked exactly where they lie within one window in the map",
    arguments: [(14, 14, 7, 3), (21, 14, 7, 3), (8, 12, 4, 2), (6, 6, 3, 1)])
  func neighbours(height: Int, width: Int, window: Int, shift: Int) {
    let geometry = WindowGeometry.windows(
      height: height, width: width, window: window, shift: shift)
    let slots = window * window
    for at in 0..<geometry.windowCount {
      for i in 0..<slots {
        for j in 0..<slots {
          let (a, b) = (Int(geometry.tokens[at * slots + i]), Int(geometry.tokens[at * slots + j]))
          // Slots that were not wrapped round keep their distance; the others are far apart.
          let isNear =
            abs(a / width - b / width) < window && abs(a % width - b % width) < window
            && a / width - b / width == i / window - j / window
            && a % width - b % width == i % window - j % window
          #expect((mask(geometry, at, i, j) == 0) == isNear)
        }
      }
    }
  }

  @Test(
    "Every token sits in exactly one slot and the rest is padding",
    arguments: [
      (56, 56, 7, 3), (7, 7, 7, 0), (7, 7, 7, 3), (10, 13, 7, 3), (19, 24, 7, 3), (3, 3, 7, 3),
      (1, 1, 4, 2), (5, 9, 4, 0),
    ])
  func tokens(height: Int, width: Int, window: Int, shift: Int) {
    let geometry = WindowGeometry.windows(
      height: height, width: width, window: window, shift: shift)
    let (down, across) = ((height + window - 1) / window, (width + window - 1) / window)
    #expect(geometry.windowCount == down * across)
    #expect(geometry.slotCount == window * window)
    #expect(geometry.tokens.count == down * across * window * window)
    #expect(geometry.tokens.filter { $0 >= 0 }.sorted() == (0..<Int32(height * width)).map { $0 })
    #expect(geometry.tokens.allSatisfy { $0 >= -1 })
  }

  @Test("The first slot of a shifted map holds the token one shift down and right")
  func roll() {
    let geometry = WindowGeometry.windows(height: 14, width: 14, window: 7, shift: 3)
    #expect(geometry.tokens.first == Int32(3 * 14 + 3))
    // The last slot of the last window comes from the rolled-in corner.
    #expect(geometry.tokens.last == Int32(2 * 14 + 2))
  }

  @Test("Global attention is one window over all tokens")
  func global() {
    let geometry = WindowGeometry.global(tokenCount: 197)
    #expect(geometry.windowCount == 1)
    #expect(geometry.slotCount == 197)
    #expect(geometry.rowLength == 224)
    #expect(geometry.tokens == (0..<197).map { Int32($0) })
  }
}
