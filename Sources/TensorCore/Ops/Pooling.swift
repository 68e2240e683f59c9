import Threads

/// Every `stride`-th row and column, starting with the first: max pooling with a kernel of one.
///
/// - in: `[B, H, W, C]`
/// - out: `[B, ⌈H / stride⌉, ⌈W / stride⌉, C]`
public func subsampled(_ x: Tensor, stride step: Int = 2) -> Tensor {
  precondition(x.shape.count == 4 && step > 0, "subsampled needs [B, H, W, C], got \(x.shape)")
  let (batch, height, width, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let (newHeight, newWidth) = ((height + step - 1) / step, (width + step - 1) / step)
  let out = Tensor(uninitialized: [batch, newHeight, newWidth, channels])
  func forEachPixel(_ body: (_ old: Int, _ new: Int) -> Void) {
    for row in 0..<batch * newHeight {
      let source = (row / newHeight * height + row % newHeight * step) * width
      for column in 0..<newWidth {
        body((source + column * step) * channels, (row * newWidth + column) * channels)
      }
    }
  }
  forEachPixel { old, new in
    (out.pointer + new).update(from: x.pointer + old, count: channels)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(zeros: x.shape)
    forEachPixel { old, new in
      (dx.pointer + old).update(from: gradient.pointer + new, count: channels)
    }
    return [dx]
  }
}

/// Means over a fixed number of bins whatever the size of the map.
///
/// Of n pixels, bin i of s covers ⌊i·n / s⌋ ..< ⌈(i + 1)·n / s⌉: bins overlap where s does not
/// divide n.
///
/// - in: `[B, H, W, C]`
/// - out: `[B, height, width, C]`
public func adaptiveAveragePooled(_ x: Tensor, height: Int, width: Int) -> Tensor {
  precondition(x.shape.count == 4, "adaptiveAveragePooled needs [B, H, W, C], got \(x.shape)")
  let (batch, channels) = (x.shape[0], x.shape[3])
  let (oldHeight, oldWidth) = (x.shape[1], x.shape[2])
  func bins(_ length: Int, _ count: Int) -> [Range<Int>] {
    (0..<count).map { $0 * length / count..<(($0 + 1) * length + count - 1) / count }
  }
  let (rowBins, columnBins) = (bins(oldHeight, height), bins(oldWidth, width))
  let out = Tensor(zeros: [batch, height, width, channels])
  ThreadPool.shared.forEach(batch * height) { index in
    let (image, rows) = (index / height, rowBins[index % height])
    for (bin, columns) in columnBins.enumerated() {
      let sum = out.pointer + (index * width + bin) * channels
      for row in rows {
        for column in columns {
          let pixel = x.pointer + ((image * oldHeight + row) * oldWidth + column) * channels
          Kernels.add(sum, pixel, into: sum, count: channels)
        }
      }
      let share = 1 / Float(rows.count * columns.count)
      Kernels.scale(sum, by: share, into: sum, count: channels)
    }
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(zeros: x.shape)
    // One old row a piece: no two pieces add to the same place.
    ThreadPool.shared.forEach(batch * oldHeight) { index in
      let (image, row) = (index / oldHeight, index % oldHeight)
      for (rowBin, rows) in rowBins.enumerated() where rows.contains(row) {
        for (columnBin, columns) in columnBins.enumerated() {
          let g = gradient.pointer + ((image * height + rowBin) * width + columnBin) * channels
          let share = 1 / Float(rows.count * columns.count)
          for column in columns {
            Kernels.addScaled(
              g, by: share, into: dx.pointer + (index * oldWidth + column) * channels,
              count: channels)
          }
        }
      }
    }
    return [dx]
  }
}
