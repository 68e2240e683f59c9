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

/// The largest of every two rows by two columns; the last row and column of odd maps stand alone.
///
/// The gradient goes to the first of equal values, row by row.
///
/// - in: `[B, H, W, C]`
/// - out: `[B, ⌈H / 2⌉, ⌈W / 2⌉, C]`
public func maxPooled2x2(_ x: Tensor) -> Tensor {
  precondition(x.shape.count == 4, "maxPooled2x2 needs [B, H, W, C], got \(x.shape)")
  let (batch, height, width, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let (newHeight, newWidth) = ((height + 1) / 2, (width + 1) / 2)
  let out = Tensor(uninitialized: [batch, newHeight, newWidth, channels])
  // Where each maximum was found, as an offset into the map.
  var places = [Int32](repeating: 0, count: out.elementCount)
  precondition(x.elementCount <= Int32.max, "maxPooled2x2: \(x.shape) is too large")
  places.withUnsafeMutableBufferPointer { places in
    // One row of the output a piece.
    nonisolated(unsafe) let places = places
    ThreadPool.shared.forEach(batch * newHeight) { index in
      let (image, row) = (index / newHeight, index % newHeight)
      for column in 0..<newWidth {
        let target = (index * newWidth + column) * channels
        for channel in 0..<channels {
          var best = -Float.infinity
          var place = -1
          for y in 2 * row..<min(height, 2 * row + 2) {
            for x0 in 2 * column..<min(width, 2 * column + 2) {
              let at = ((image * height + y) * width + x0) * channels + channel
              let value = x.pointer[at]
              if place < 0 || value > best || (value.isNaN && !best.isNaN) {
                (best, place) = (value, at)
              }
            }
          }
          out.pointer[target + channel] = best
          places[target + channel] = Int32(place)
        }
      }
    }
  }
  return record(out, inputs: [x]) { [places] gradient in
    let dx = Tensor(zeros: x.shape)
    // Windows do not overlap: every place has one gradient at most.
    for (index, place) in places.enumerated() { dx.pointer[Int(place)] = gradient.pointer[index] }
    return [dx]
  }
}
