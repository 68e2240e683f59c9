import CVector
import Threads
import VectorMath

/// Resizes maps by bilinear interpolation, without smoothing when they shrink.
///
/// A target at d reads from r·(d + ½) − ½ (not below 0) with r = in / out, or, with aligned
/// corners, from d·(in − 1) / (out − 1). Coordinates are single precision, as PyTorch's.
///
/// - in: `[B, H, W, C]`
/// - out: `[B, height, width, C]`
public func bilinearResized(
  _ x: Tensor, height: Int, width: Int, alignCorners: Bool = false
) -> Tensor {
  precondition(x.shape.count == 4, "bilinearResized needs [B, H, W, C], got \(x.shape)")
  let (batch, channels) = (x.shape[0], x.shape[3])
  let (oldHeight, oldWidth) = (x.shape[1], x.shape[2])
  if oldHeight == height && oldWidth == width { return x }
  let rows = LinearTaps(from: oldHeight, to: height, alignCorners: alignCorners)
  let columns = LinearTaps(from: oldWidth, to: width, alignCorners: alignCorners)
  let out = Tensor(uninitialized: [batch, height, width, channels])
  ThreadPool.shared.forEach(batch * height) { index in
    let (image, row) = (index / height, index % height)
    let base = x.pointer + image * oldHeight * oldWidth * channels
    blendRow(
      base + rows.low[row] * oldWidth * channels, base + rows.high[row] * oldWidth * channels,
      weight: rows.weight[row], columns: columns, channels: channels,
      into: out.pointer + index * width * channels)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    let uses = rows.uses(count: oldHeight)
    let rowLength = width * channels
    // One old row a piece: no two pieces add to the same place.
    ThreadPool.shared.forEach(batch * oldHeight) { index in
      let (image, row) = (index / oldHeight, index % oldHeight)
      let sum = Tensor(zeros: [rowLength])
      for (source, weight) in uses[row] {
        Kernels.addScaled(
          gradient.pointer + (image * height + source) * rowLength, by: weight, into: sum.pointer,
          count: rowLength)
      }
      let target = dx.pointer + index * oldWidth * channels
      target.update(repeating: 0, count: oldWidth * channels)
      for column in 0..<width {
        let from = sum.pointer + column * channels
        let weight = columns.weight[column]
        Kernels.addScaled(
          from, by: 1 - weight, into: target + columns.low[column] * channels, count: channels)
        if weight != 0 {
          Kernels.addScaled(
            from, by: weight, into: target + columns.high[column] * channels, count: channels)
        }
      }
    }
    return [dx]
  }
}

/// Resizes maps by taking the pixel at ⌊d · in / out⌋ of each axis, in single precision.
///
/// - in: `[B, H, W, C]`
/// - out: `[B, height, width, C]`
public func nearestResized(_ x: Tensor, height: Int, width: Int) -> Tensor {
  precondition(x.shape.count == 4, "nearestResized needs [B, H, W, C], got \(x.shape)")
  let (batch, channels) = (x.shape[0], x.shape[3])
  let (oldHeight, oldWidth) = (x.shape[1], x.shape[2])
  func indices(_ old: Int, _ new: Int) -> [Int] {
    let ratio = Float(old) / Float(new)
    return (0..<new).map { min(old - 1, Int(Float($0) * ratio)) }
  }
  let (rows, columns) = (indices(oldHeight, height), indices(oldWidth, width))
  let out = Tensor(uninitialized: [batch, height, width, channels])
  ThreadPool.shared.forEach(batch * height) { index in
    let source =
      x.pointer + (index / height * oldHeight + rows[index % height]) * oldWidth * channels
    let target = out.pointer + index * width * channels
    for column in 0..<width {
      (target + column * channels).update(
        from: source + columns[column] * channels, count: channels)
    }
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    ThreadPool.shared.forEach(batch * oldHeight) { index in
      let (image, row) = (index / oldHeight, index % oldHeight)
      let target = dx.pointer + index * oldWidth * channels
      target.update(repeating: 0, count: oldWidth * channels)
      for source in 0..<height where rows[source] == row {
        let from = gradient.pointer + (image * height + source) * width * channels
        for column in 0..<width {
          let at = target + columns[column] * channels
          Kernels.add(at, from + column * channels, into: at, count: channels)
        }
      }
    }
    return [dx]
  }
}

/// For each place of a resized axis: two old places, and the share of the second.
struct LinearTaps {
  private(set) var low: [Int] = []
  private(set) var high: [Int] = []
  private(set) var weight: [Float] = []

  init(from old: Int, to new: Int, alignCorners: Bool) {
    precondition(old > 0 && new > 0, "cannot resize an axis of \(old) to \(new)")
    let ratio: Float =
      alignCorners
      ? (new > 1 ? Float(old - 1) / Float(new - 1) : 0) : Float(old) / Float(new)
    for place in 0..<new {
      let source =
        alignCorners ? ratio * Float(place) : max(0, ratio * (Float(place) + 0.5) - 0.5)
      let first = min(Int(source), old - 1)
      low.append(first)
      high.append(min(first + 1, old - 1))
      weight.append(min(max(source - Float(first), 0), 1))
    }
  }

  /// For each old place: the new places that read it, and with what weight.
  func uses(count: Int) -> [[(place: Int, weight: Float)]] {
    var uses = [[(place: Int, weight: Float)]](repeating: [], count: count)
    for place in low.indices {
      uses[low[place]].append((place, 1 - weight[place]))
      if weight[place] != 0 { uses[high[place]].append((place, weight[place])) }
    }
    return uses
  }
}

/// One row of a bilinear interpolation between two old rows.
private func blendRow(
  _ top: UnsafePointer<Float>, _ bottom: UnsafePointer<Float>, weight: Float, columns: LinearTaps,
  channels: Int, into out: UnsafeMutablePointer<Float>
) {
  for column in columns.low.indices {
    let (left, right) = (columns.low[column] * channels, columns.high[column] * channels)
    let share = columns.weight[column]
    let (w0, w1) = ((1 - weight) * (1 - share), (1 - weight) * share)
    let (w2, w3) = (weight * (1 - share), weight * share)
    let (p0, p1, p2, p3) = (top + left, top + right, bottom + left, bottom + right)
    let target = out + column * channels
    var c = 0
    while c + 16 <= channels {
      var v = cv_load(p0 + c) * splat(w0)
      v = cv_fma(cv_load(p1 + c), splat(w1), v)
      v = cv_fma(cv_load(p2 + c), splat(w2), v)
      cv_store(target + c, cv_fma(cv_load(p3 + c), splat(w3), v))
      c += 16
    }
    while c < channels {
      target[c] = p0[c] * w0 + p1[c] * w1 + p2[c] * w2 + p3[c] * w3
      c += 1
    }
  }
}
