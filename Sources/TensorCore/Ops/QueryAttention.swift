import Threads

/// What one learned query gathers from the tokens of every image, head by head.
///
///     a = softmax over tokens of (q_h · k_h / √d);   out_h = Σ a v_h,   d = C / heads
///
/// Shapes: `B` images, `N` tokens, `C` channels.
/// - in: query `[C]`, keysAndValues `[B, N, 2C]`: keys, then values
/// - out: `[B, C]`
///
/// - Complexity: keeps `B·heads·N` floats for the gradient.
/// - Precondition: the heads divide the channels.
public func queryAttention(_ query: Tensor, _ keysAndValues: Tensor, headCount: Int) -> Tensor {
  let (batch, tokens) = (keysAndValues.shape[0], keysAndValues.shape[1])
  let channels = query.elementCount
  precondition(
    keysAndValues.shape.count == 3 && keysAndValues.shape[2] == 2 * channels
      && headCount > 0 && channels % headCount == 0,
    "queryAttention of \(keysAndValues.shape) with \(channels) channels in \(headCount) heads")
  let width = channels / headCount
  let scale = 1 / Float(width).squareRoot()
  let shares = Tensor(uninitialized: [batch, headCount, tokens])
  let out = Tensor(zeros: [batch, channels])
  func row(_ tensor: Tensor, _ image: Int, _ token: Int) -> UnsafeMutablePointer<Float> {
    tensor.pointer + (image * tokens + token) * 2 * channels
  }
  ThreadPool.shared.forEach(batch) { image in
    for head in 0..<headCount {
      let own = shares.pointer + (image * headCount + head) * tokens
      let start = head * width
      for token in 0..<tokens {
        own[token] =
          scale
          * Kernels.dot(
            query.pointer + start, row(keysAndValues, image, token) + start, count: width)
      }
      Kernels.softmax(own, count: tokens)
      let sum = out.pointer + image * channels + start
      for token in 0..<tokens {
        Kernels.addScaled(
          row(keysAndValues, image, token) + channels + start, by: own[token], into: sum,
          count: width)
      }
    }
  }
  return record(out, inputs: [query, keysAndValues]) { gradient in
    let dkv = Tensor(uninitialized: keysAndValues.shape)
    // One row an image, added up in order at the end.
    let dquery = Tensor(zeros: [batch, channels])
    ThreadPool.shared.forEach(batch) { image in
      for head in 0..<headCount {
        let own = shares.pointer + (image * headCount + head) * tokens
        let start = head * width
        let g = gradient.pointer + image * channels + start
        var mean: Float = 0
        for token in 0..<tokens {
          mean +=
            own[token]
            * Kernels.dot(
              g, row(keysAndValues, image, token) + channels + start, count: width)
        }
        for token in 0..<tokens {
          let (at, target) = (row(keysAndValues, image, token), row(dkv, image, token))
          let slope =
            scale * own[token] * (Kernels.dot(g, at + channels + start, count: width) - mean)
          Kernels.scale(query.pointer + start, by: slope, into: target + start, count: width)
          Kernels.scale(g, by: own[token], into: target + channels + start, count: width)
          Kernels.addScaled(
            at + start, by: slope, into: dquery.pointer + image * channels + start, count: width)
        }
      }
    }
    let sums = Tensor(zeros: query.shape)
    for image in 0..<batch {
      Kernels.add(
        sums.pointer, dquery.pointer + image * channels, into: sums.pointer, count: channels)
    }
    return [sums, dkv]
  }
}
