import CounterRandom

/// The tensors side by side along the last axis.
///
/// - Precondition: there is at least one, and the other axes agree.
public func concatenatedChannels(_ parts: [Tensor]) -> Tensor {
  precondition(!parts.isEmpty, "concatenatedChannels needs at least one tensor")
  let leading = Array(parts[0].shape.dropLast())
  precondition(
    parts.allSatisfy { Array($0.shape.dropLast()) == leading },
    "concatenatedChannels needs equal shapes but for the last axis, got \(parts.map(\.shape))")
  let widths = parts.map { $0.shape.last ?? 1 }
  let total = widths.reduce(0, +)
  let rowCount = leading.reduce(1, *)
  let out = Tensor(uninitialized: leading + [total])
  RowBlocks.forEach(rows: rowCount, columns: total) { range in
    var at = 0
    for (part, width) in zip(parts, widths) {
      for row in range {
        (out.pointer + row * total + at).update(from: part.pointer + row * width, count: width)
      }
      at += width
    }
  }
  return record(out, inputs: parts) { gradient in
    let slices = parts.map { $0.wantsGradient ? Tensor(uninitialized: $0.shape) : nil }
    RowBlocks.forEach(rows: rowCount, columns: total) { range in
      var at = 0
      for (slice, width) in zip(slices, widths) {
        if let slice {
          for row in range {
            (slice.pointer + row * width).update(
              from: gradient.pointer + row * total + at, count: width)
          }
        }
        at += width
      }
    }
    return slices
  }
}

/// Sets whole channels of an image to 0 with probability `rate` and divides the others by
/// 1 − rate; one draw a channel, image by image.
///
/// - in, out: `[B, ..., C]`
///
/// Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.
///
/// - Parameter firstImage: Position in its batch of the first image: a batch that is taken in pieces
///   has the draws of the whole.
public func channelDropout(
  _ x: Tensor, rate: Float, stream: inout RandomStream, firstImage: Int = 0
) -> Tensor {
  guard rate > 0 else { return x }
  let (batch, channels) = (x.shape[0], x.shape.last ?? 1)
  let rowsPerImage = x.elementCount / max(1, batch * channels)
  let kept = 1 / (1 - rate)
  for _ in 0..<firstImage * channels { _ = stream.uniform() }
  let factors = Tensor(uninitialized: [batch, channels])
  for i in 0..<batch * channels { factors.pointer[i] = stream.uniform() < rate ? 0 : kept }
  func times(_ x: Tensor) -> Tensor {
    let out = Tensor(uninitialized: x.shape)
    RowBlocks.forEach(rows: batch * rowsPerImage, columns: channels) { range in
      for row in range {
        Kernels.multiply(
          x.pointer + row * channels, factors.pointer + row / rowsPerImage * channels,
          into: out.pointer + row * channels, count: channels)
      }
    }
    return out
  }
  return record(times(x), inputs: [x]) { [times($0.viewed(as: x.shape))] }
}

/// Rows of the first axis by index, in any order and any number of times.
///
/// - in: x `[N, ...]`, `M` indices in 0..<N
/// - out: `[M, ...]`
public func gathered(_ x: Tensor, rows indices: [Int]) -> Tensor {
  let count = x.shape[0]
  precondition(
    indices.allSatisfy { 0 <= $0 && $0 < count }, "gathered: an index is outside 0..<\(count)")
  let width = x.elementCount / max(1, count)
  let out = Tensor(uninitialized: [indices.count] + x.shape.dropFirst())
  for (row, index) in indices.enumerated() {
    (out.pointer + row * width).update(from: x.pointer + index * width, count: width)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(zeros: x.shape)
    for (row, index) in indices.enumerated() {
      let at = dx.pointer + index * width
      Kernels.add(at, gradient.pointer + row * width, into: at, count: width)
    }
    return [dx]
  }
}
