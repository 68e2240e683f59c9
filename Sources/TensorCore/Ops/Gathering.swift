/// One channel of each sample of a channel-last map.
///
/// - in: x `[N, …, C]`, one channel in 0..<C a sample
/// - out: `[N, …]`
public func selectedChannels(_ x: Tensor, _ channels: [Int]) -> Tensor {
  let (count, channelCount) = (x.shape[0], x.shape[x.shape.count - 1])
  precondition(
    channels.count == count && channels.allSatisfy { 0 <= $0 && $0 < channelCount },
    "one channel below \(channelCount) for each of \(count) samples")
  let places = x.elementCount / max(1, count * channelCount)
  let out = Tensor(uninitialized: Array(x.shape.dropLast()))
  for (sample, channel) in channels.enumerated() {
    let source = x.pointer + sample * places * channelCount + channel
    let target = out.pointer + sample * places
    for place in 0..<places { target[place] = source[place * channelCount] }
  }
  let shape = x.shape
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(zeros: shape)
    for (sample, channel) in channels.enumerated() {
      let target = dx.pointer + sample * places * channelCount + channel
      let source = gradient.pointer + sample * places
      for place in 0..<places { target[place * channelCount] = source[place] }
    }
    return [dx]
  }
}

/// Channel-last maps as rows in channel-first order, as linear layers after a flattened
/// convolution expect them.
///
/// - in: `[N, H, W, C]`; out: `[N, C·H·W]`
public func channelFirstRows(_ x: Tensor) -> Tensor {
  precondition(x.shape.count == 4, "channelFirstRows needs [N, H, W, C], got \(x.shape)")
  let (count, places, channels) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
  let out = Tensor(uninitialized: [count, channels * places])
  transposeEach(x.pointer, count: count, rows: places, columns: channels, into: out.pointer)
  let shape = x.shape
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(uninitialized: shape)
    transposeEach(
      gradient.pointer, count: count, rows: channels, columns: places, into: dx.pointer)
    return [dx]
  }
}

/// Transposes `count` matrices of `rows` by `columns`.
func transposeEach(
  _ source: UnsafePointer<Float>, count: Int, rows: Int, columns: Int,
  into target: UnsafeMutablePointer<Float>
) {
  let size = rows * columns
  RowBlocks.forEach(rows: count, columns: size) { range in
    for sample in range {
      let from = source + sample * size
      let to = target + sample * size
      for row in 0..<rows {
        for column in 0..<columns { to[column * rows + row] = from[row * columns + column] }
      }
    }
  }
}
