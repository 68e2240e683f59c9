import Synchronization

/// Which token sits where when a map is shifted, padded and cut into windows.
///
/// Letters: `H`x`W` the map, `w` the window side, `s` the shift, `N = w²` slots a window.
public final class WindowGeometry: Sendable {
  /// Tokens an image: H·W (or the sequence length of global attention).
  public let tokenCount: Int
  /// Windows an image.
  public let windowCount: Int
  /// Slots a window, `N`.
  public let slotCount: Int
  /// For each window and slot the token it holds, or -1 for padding; `[windowCount · N]`.
  public let tokens: [Int32]
  /// For each window the mask it needs, or -1 for none; `[windowCount]`.
  public let maskIndices: [Int]
  /// Additive masks of 0 and -100, rows padded to `rowLength` with 0; `[masks][N · rowLength]`.
  public let masks: [[Float]]
  /// `N` rounded up to whole panels of a product: the row length of bias, masks and scores.
  public let rowLength: Int

  init(
    tokenCount: Int, windowCount: Int, slotCount: Int, tokens: [Int32], maskIndices: [Int],
    masks: [[Float]]
  ) {
    self.tokenCount = tokenCount
    self.windowCount = windowCount
    self.slotCount = slotCount
    self.tokens = tokens
    self.maskIndices = maskIndices
    self.masks = masks
    rowLength = Self.rowLength(slotCount)
  }

  static func rowLength(_ slots: Int) -> Int {
    (slots + Product.panelWidth - 1) / Product.panelWidth * Product.panelWidth
  }

  /// One window over the whole sequence: global attention.
  public static func global(tokenCount: Int) -> WindowGeometry {
    WindowGeometry(
      tokenCount: tokenCount, windowCount: 1, slotCount: tokenCount,
      tokens: (0..<tokenCount).map(Int32.init), maskIndices: [-1], masks: [])
  }

  private struct Key: Hashable {
    let height, width, window, shift: Int
  }
  private static let cache = Mutex<[Key: WindowGeometry]>([:])

  /// Windows of side `window` over an `height`x`width` map rolled up and left by `shift`.
  ///
  /// The map is padded on the right and at the bottom to a multiple of the window first. Slots
  /// that meet in a window only because the map was rolled do not see each other: their score is
  /// lowered by 100. Built once for each size.
  ///
  /// Source: Liu et al., Swin Transformer, 2021, section 3.2 and figure 4.
  public static func windows(
    height: Int, width: Int, window: Int, shift: Int
  ) -> WindowGeometry {
    let key = Key(height: height, width: width, window: window, shift: shift)
    return cache.withLock { cache in
      if let known = cache[key] { return known }
      let made = build(key)
      cache[key] = made
      return made
    }
  }

  private static func build(_ key: Key) -> WindowGeometry {
    let (window, shift) = (key.window, key.shift)
    let rows = (key.height + window - 1) / window
    let columns = (key.width + window - 1) / window
    let (paddedHeight, paddedWidth) = (rows * window, columns * window)
    // Three bands a side: untouched, and the two parts that the roll brings together.
    func band(_ at: Int, _ length: Int) -> Int {
      at < length - window ? 0 : at < length - shift ? 1 : 2
    }
    let slotCount = window * window
    let rowLength = Self.rowLength(slotCount)
    var tokens: [Int32] = []
    tokens.reserveCapacity(rows * columns * slotCount)
    var maskIndices: [Int] = []
    var masks: [[Float]] = []
    var known: [[Int]: Int] = [:]
    for windowY in 0..<rows {
      for windowX in 0..<columns {
        var regions: [Int] = []
        for slotY in 0..<window {
          for slotX in 0..<window {
            let (y, x) = (windowY * window + slotY, windowX * window + slotX)
            let (sourceY, sourceX) = ((y + shift) % paddedHeight, (x + shift) % paddedWidth)
            let inside = sourceY < key.height && sourceX < key.width
            tokens.append(inside ? Int32(sourceY * key.width + sourceX) : -1)
            regions.append(3 * band(y, paddedHeight) + band(x, paddedWidth))
          }
        }
        guard shift > 0, Set(regions).count > 1 else {
          maskIndices.append(-1)
          continue
        }
        if known[regions] == nil {
          var mask = [Float](repeating: 0, count: slotCount * rowLength)
          for i in 0..<slotCount {
            for j in 0..<slotCount where regions[i] != regions[j] { mask[i * rowLength + j] = -100 }
          }
          known[regions] = masks.count
          masks.append(mask)
        }
        maskIndices.append(known[regions] ?? -1)
      }
    }
    return WindowGeometry(
      tokenCount: key.height * key.width, windowCount: rows * columns, slotCount: slotCount,
      tokens: tokens, maskIndices: maskIndices, masks: masks)
  }

  /// The masks of all windows one after the other, `[windowCount, N, N]`, zeros where none is
  /// needed: the form that published files store.
  public func stackedMasks() -> Tensor {
    let result = Tensor(zeros: [windowCount, slotCount, slotCount])
    for (window, index) in maskIndices.enumerated() where index >= 0 {
      for row in 0..<slotCount {
        for column in 0..<slotCount {
          result.pointer[(window * slotCount + row) * slotCount + column] =
            masks[index][row * rowLength + column]
        }
      }
    }
    return result
  }

  /// For query slot i and key slot j of a window of side `window`, the row of the bias table:
  /// `(yᵢ − yⱼ + w − 1)·(2w − 1) + (xᵢ − xⱼ + w − 1)`; `[N · N]`.
  public static func relativePositionIndex(window: Int) -> [Int32] {
    var index: [Int32] = []
    for i in 0..<window * window {
      for j in 0..<window * window {
        let dy = i / window - j / window + window - 1
        let dx = i % window - j % window + window - 1
        index.append(Int32(dy * (2 * window - 1) + dx))
      }
    }
    return index
  }
}
