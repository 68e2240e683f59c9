import CVector
import Threads
import VectorMath

/// A 3x3 convolution by Winograd's F(4x4, 3x3): 36 products where the taps need 144.
///
/// The map is cut into tiles of 4x4 outputs, which see 6x6 inputs. Blocks of tiles go through
/// three steps, each shared out to the threads: inputs to 36 points a tile, 36 matrix products
/// over the channels, points to outputs. All scratch lies in cells of eight tiles and 32 channels,
/// `[36, tiles / 8, C / 32, 8, 32]`, which the transforms write and the products read in order.
/// Weights are transformed inside the products, a piece at a time, and never stored whole.
///
/// Letters: `B` images, `H`x`W` pixels, `I` channels in, `O` channels out, both multiples of 32.
struct WinogradConvolution {
  let batch, height, width, inputs, outputs: Int
  private let tileRows, tileColumns: Int

  /// The side of a panel in channels.
  static let panel = 32
  /// Input channels a round of products sums over: a panel of their weights fills a core's L1.
  private static let chunk = 256
  /// Scratch of one block of tiles, so that points stay in the shared cache.
  private static let scratchBytes = 24 << 20

  init(batch: Int, height: Int, width: Int, inputs: Int, outputs: Int) {
    precondition(
      inputs % Self.panel == 0 && outputs % Self.panel == 0, "channels come in panels of 32")
    self.batch = batch
    self.height = height
    self.width = width
    self.inputs = inputs
    self.outputs = outputs
    tileRows = (height + 3) / 4
    tileColumns = (width + 3) / 4
  }

  private var tileCount: Int { batch * tileRows * tileColumns }

  /// Tiles in one block when each has points for `channels` channels: a multiple of eight.
  private func blockSize(channels: Int) -> Int {
    let largest = max(32, min(512, Self.scratchBytes / (144 * channels)))
    let blocks = (tileCount + largest - 1) / largest
    return ((tileCount + blocks - 1) / blocks + 7) & ~7
  }

  // MARK: Weights

  /// `[O', I', 3, 3]` weights in the order the products read: `[O / 32, I, 9, 32]`.
  ///
  /// Channels beyond the weight's own become zeros.
  ///
  /// - Parameter transposed: Take the second axis of the weight for the outputs and turn the taps
  ///   by half a turn, which makes the convolution its own gradient.
  func packed(_ weight: Tensor, transposed: Bool) -> Tensor {
    let (first, second) = (weight.shape[0], weight.shape[1])
    let packed = Tensor(uninitialized: [outputs / 32, inputs, 9, 32])
    let inputPanels = inputs / 32
    ThreadPool.shared.forEach(outputs / 32 * inputPanels) { item in
      let (output, input) = (item / inputPanels * 32, item % inputPanels * 32)
      let target = packed.pointer + (output * inputs + input * 32) * 9
      if output + 32 > (transposed ? second : first) || input + 32 > (transposed ? first : second) {
        target.update(repeating: 0, count: 32 * 288)
      }
      // The weight's own order, so that it is read as it lies.
      let (row, column) = transposed ? (input, output) : (output, input)
      for o in row..<max(row, min(first, row + 32)) {
        let source = weight.pointer + (o * second + column) * 9
        let count = max(0, min(32, second - column))
        if transposed {
          let to = target + (o - row) * 288
          for i in 0..<count {
            for tap in 0..<9 { to[32 * (8 - tap) + i] = source[9 * i + tap] }
          }
        } else {
          let to = target + (o - row)
          for i in 0..<9 * count { to[32 * i] = source[i] }
        }
      }
    }
    return packed
  }

  // MARK: Forward

  /// The convolution of `x` `[B, H, W, I]` with packed weights, plus bias, into `[B, H, W, O]`.
  ///
  /// - Parameters:
  ///   - bias: `[O]` numbers.
  ///   - rectified: Whether negative outputs become 0.
  func forward(
    _ x: UnsafePointer<Float>, packed: Tensor, bias: UnsafePointer<Float>, rectified: Bool,
    into y: UnsafeMutablePointer<Float>
  ) {
    guard tileCount > 0 else { return }
    let chunk = min(Self.chunk, inputs)
    let size = blockSize(channels: chunk + outputs)
    let points = WinogradPointBlock(tiles: size, channels: chunk)
    let sums = WinogradPointBlock(tiles: size, channels: outputs)
    let group = size >= 64 && outputs % 64 == 0 ? 2 : 1
    for first in stride(from: 0, to: tileCount, by: size) {
      let tiles = first..<min(tileCount, first + size)
      for start in stride(from: 0, to: inputs, by: chunk) {
        let channels = start..<min(inputs, start + chunk)
        transform(x, tiles: tiles, channels: channels, into: points)
        ThreadPool.shared.forEach(6 * outputs / (32 * group)) { item in
          multiply(
            row: item % 6, panels: item / 6 * group..<(item / 6 + 1) * group, channels: channels,
            weights: packed.pointer, points: points, into: sums, groups: (tiles.count + 7) / 8)
        }
      }
      store(sums, tiles: tiles, bias: bias, rectified: rectified, into: y)
    }
  }

  /// One row of six points of some output panels: products over a range of input channels.
  private func multiply(
    row: Int, panels: Range<Int>, channels: Range<Int>, weights: UnsafePointer<Float>,
    points: WinogradPointBlock, into sums: WinogradPointBlock, groups: Int
  ) {
    let count = channels.count
    let transformed = Tensor(uninitialized: [panels.count, 6, count, 32])
    for (index, panel) in panels.enumerated() {
      WinogradTransforms.weight(
        weights + (panel * inputs + channels.lowerBound) * 288, row: row, count: count,
        into: transformed.pointer + index * 192 * count)
    }
    for point in 6 * row..<6 * row + 6 {
      for (index, panel) in panels.enumerated() {
        Self.product(
          points.pointer + point * points.stride, groupStride: points.groupStride, depth: count,
          weights: transformed.pointer + (index * 6 + point - 6 * row) * count * 32,
          into: sums.pointer + point * sums.stride + panel * 256, sumStride: sums.groupStride,
          groups: groups, accumulates: channels.lowerBound > 0)
      }
    }
  }

  /// Points of `groups` times eight tiles times `[depth, 32]` weights.
  @inline(never)
  private static func product(
    _ points: UnsafePointer<Float>, groupStride: Int, depth: Int, weights: UnsafePointer<Float>,
    into sums: UnsafeMutablePointer<Float>, sumStride: Int, groups: Int, accumulates: Bool
  ) {
    for group in 0..<groups {
      let next = group + 1 < groups ? group + 1 : 0
      cv_product_8x32(
        points + group * groupStride, 32, 1, 256, weights, 1024, 32, depth / 32,
        sums + group * sumStride, accumulates ? 1 : 0, points + next * groupStride, 8,
        sums + next * sumStride)
    }
  }

  // MARK: Gradient of the weights

  /// The gradient of the weights, `[O', I', 3, 3]`, from the input and the gradient of the output.
  func weightGradient(
    _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, shape: [Int]
  ) -> Tensor {
    let gradient = Tensor(zeros: shape)
    guard tileCount > 0 else { return gradient }
    // The sums of a group of input channels, at 144 bytes a weight, stay below 40 MiB.
    let group = max(32, min(inputs, (40 << 20) / (144 * outputs) & ~31))
    let size = blockSize(channels: group + outputs)
    let points = WinogradPointBlock(tiles: size, channels: group)
    let gradients = WinogradPointBlock(tiles: size, channels: outputs)
    let sumStride = outputs * group + 32
    let sums = Tensor(uninitialized: [36, sumStride])
    for start in stride(from: 0, to: inputs, by: group) {
      let channels = start..<min(inputs, start + group)
      let panels = channels.count / 32
      // Several items a point, so that many threads find work.
      let parts = min(4, panels)
      for first in stride(from: 0, to: tileCount, by: size) {
        let tiles = first..<min(tileCount, first + size)
        transform(x, tiles: tiles, channels: channels, into: points)
        transformGradient(dy, tiles: tiles, into: gradients)
        ThreadPool.shared.forEach(36 * parts) { item in
          let (point, part) = (item / parts, item % parts)
          for panel in part * panels / parts..<(part + 1) * panels / parts {
            Self.outerProduct(
              gradients.pointer + point * gradients.stride, gradientStride: gradients.groupStride,
              outputs: outputs, points: points.pointer + point * points.stride + panel * 256,
              pointStride: points.groupStride,
              into: sums.pointer + point * sumStride + panel * outputs * 32,
              groups: (tiles.count + 7) / 8, accumulates: first > 0)
          }
        }
      }
      finish(sums.pointer, stride: sumStride, channels: channels, into: gradient)
    }
    return gradient
  }

  /// Sums over tiles of gradient points times input points, `[outputs, 32]`.
  @inline(never)
  private static func outerProduct(
    _ gradients: UnsafePointer<Float>, gradientStride: Int, outputs: Int,
    points: UnsafePointer<Float>, pointStride: Int, into sums: UnsafeMutablePointer<Float>,
    groups: Int, accumulates: Bool
  ) {
    for output in stride(from: 0, to: outputs, by: 8) {
      let next = output + 8 < outputs ? output + 8 : 0
      cv_product_8x32(
        gradients + output / 32 * 256 + output % 32, 1, 32, gradientStride, points, pointStride,
        8, groups, sums + output * 32, accumulates ? 1 : 0,
        gradients + next / 32 * 256 + next % 32, 32, sums + next * 32)
    }
  }

  /// Turns the sums of 36 points into taps and puts them where the weight has them.
  private func finish(
    _ sums: UnsafePointer<Float>, stride: Int, channels: Range<Int>, into gradient: Tensor
  ) {
    let (rows, columns) = (gradient.shape[0], gradient.shape[1])
    ThreadPool.shared.forEach(rows) { output in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 288) { buffer in
        guard let taps = buffer.baseAddress else { return }
        for panel in 0..<channels.count / 32 {
          WinogradTransforms.weightGradient(
            sums + (panel * outputs + output) * 32, stride: stride, into: taps)
          let first = channels.lowerBound + panel * 32
          let target = gradient.pointer + (output * columns + first) * 9
          for channel in 0..<max(0, min(32, columns - first)) {
            for tap in 0..<9 { target[9 * channel + tap] = taps[32 * tap + channel] }
          }
        }
      }
    }
  }

  // MARK: Tiles

  /// Image, and the top left output pixel of a tile.
  private func origin(of tile: Int) -> (image: Int, y: Int, x: Int) {
    let (row, column) = (tile / tileColumns, tile % tileColumns)
    return (row / tileRows, row % tileRows * 4, column * 4)
  }

  /// Points of the 6x6 patches of some tiles, for a range of channels.
  private func transform(
    _ x: UnsafePointer<Float>, tiles: Range<Int>, channels: Range<Int>,
    into points: WinogradPointBlock
  ) {
    let zeros = Tensor(zeros: [inputs])
    forEachGroup(tiles) { index, group in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: 8 * 36) { table in
        // Pixels beyond the map, and tiles that fill up the last group, are zeros.
        table.initialize(repeating: UnsafePointer(zeros.pointer))
        for tile in group {
          let (image, top, left) = origin(of: tile)
          let entries = (tile - group.lowerBound) * 36
          for row in max(0, top - 1)..<min(height, top + 5) {
            for column in max(0, left - 1)..<min(width, left + 5) {
              table[entries + 6 * (row - top + 1) + column - left + 1] =
                x + ((image * height + row) * width + column) * inputs
            }
          }
        }
        guard let pixels = UnsafePointer(table.baseAddress) else { return }
        let at = points.pointer + index * points.groupStride
        for panel in 0..<channels.count / 32 {
          WinogradTransforms.input(
            pixels, tiles: 8, offset: channels.lowerBound + panel * 32, into: at + panel * 256,
            stride: points.stride)
        }
      }
    }
  }

  /// Points of the 4x4 output gradients of some tiles.
  private func transformGradient(
    _ dy: UnsafePointer<Float>, tiles: Range<Int>, into points: WinogradPointBlock
  ) {
    let zeros = Tensor(zeros: [outputs])
    forEachGroup(tiles) { index, group in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: 8 * 16) { table in
        table.initialize(repeating: UnsafePointer(zeros.pointer))
        forEachOutput(of: group) { entry, pixel in table[entry] = dy + pixel * outputs }
        guard let pixels = UnsafePointer(table.baseAddress) else { return }
        let at = points.pointer + index * points.groupStride
        for panel in 0..<outputs / 32 {
          WinogradTransforms.gradient(
            pixels, tiles: 8, offset: panel * 32, into: at + panel * 256, stride: points.stride)
        }
      }
    }
  }

  /// Turns the points of some tiles into output pixels.
  private func store(
    _ sums: WinogradPointBlock, tiles: Range<Int>, bias: UnsafePointer<Float>, rectified: Bool,
    into y: UnsafeMutablePointer<Float>
  ) {
    forEachGroup(tiles) { index, group in
      // Outputs beyond the map's edge go to a dump.
      let dump = Tensor(uninitialized: [outputs])
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: 8 * 16) {
        table in
        table.initialize(repeating: dump.pointer)
        forEachOutput(of: group) { entry, pixel in table[entry] = y + pixel * outputs }
        guard let pixels = UnsafePointer(table.baseAddress) else { return }
        let at = sums.pointer + index * sums.groupStride
        for panel in 0..<outputs / 32 {
          WinogradTransforms.output(
            at + panel * 256, stride: sums.stride, tiles: group.count, bias: bias + panel * 32,
            floor: rectified ? 0 : -.infinity, into: pixels, offset: panel * 32)
        }
      }
    }
  }

  /// The 4x4 outputs of some tiles that lie on the map, as (16 · tile + place, pixel).
  @inline(__always)
  private func forEachOutput(of group: Range<Int>, _ body: (Int, Int) -> Void) {
    for tile in group {
      let (image, top, left) = origin(of: tile)
      for row in top..<min(height, top + 4) {
        for column in left..<min(width, left + 4) {
          body(
            (tile - group.lowerBound) * 16 + 4 * (row - top) + column - left,
            (image * height + row) * width + column)
        }
      }
    }
  }

  /// Shares out tiles in groups of eight.
  private func forEachGroup(_ tiles: Range<Int>, _ body: (Int, Range<Int>) -> Void) {
    ThreadPool.shared.forEach((tiles.count + 7) / 8) { index in
      let first = tiles.lowerBound + index * 8
      body(index, first..<min(tiles.upperBound, first + 8))
    }
  }
}

/// The 36 points of a block of tiles, `[36, tiles / 8, C / 32, 8, 32]` with gaps.
struct WinogradPointBlock {
  /// Floats from one point to the next; not a multiple of a page, or the points of a tile would
  /// share one set of the cache.
  let stride: Int
  /// Floats from one group of eight tiles to the next: an odd number of KiB, for the same reason.
  let groupStride: Int
  private let storage: Tensor

  init(tiles: Int, channels: Int) {
    groupStride = (channels / 32 | 1) * 256
    stride = tiles / 8 * groupStride + 32
    storage = Tensor(uninitialized: [36, stride])
  }

  var pointer: UnsafeMutablePointer<Float> { storage.pointer }
}
