/// Similarities of queries to their positive key and to a queue of negatives, over a temperature.
///
///     row i = [qᵢ·kᵢ, qᵢ·n₁, …, qᵢ·n_M] / τ
///
/// Keys and queue are constants: no gradient flows into them.
///
/// - in: queries and keys `[N, D]`, queue `[M, D]`
/// - out: `[N, 1 + M]`; the positive is class 0
///
/// Source: He et al., Momentum Contrast, 2020, equation 1.
public func contrastiveLogits(
  queries: Tensor, keys: Tensor, queue: Tensor, temperature: Float
) -> Tensor {
  let (count, size) = (queries.shape[0], queries.shape[1])
  let negatives = queue.shape[0]
  precondition(
    keys.shape == queries.shape && queue.shape[1] == size,
    "queries \(queries.shape), keys \(keys.shape), queue \(queue.shape)")
  let width = 1 + negatives
  let logits = Tensor(uninitialized: [count, width])
  Product.multiply(
    transposeB: true, m: count, n: negatives, k: size, alpha: 1 / temperature,
    a: queries.pointer, lda: size, b: queue.pointer, ldb: size, c: logits.pointer + 1, ldc: width,
    precision: .f32)
  for row in 0..<count {
    logits.pointer[row * width] =
      Kernels.dot(queries.pointer + row * size, keys.pointer + row * size, count: size)
      / temperature
  }
  // The queue moves on after this step, before or after the backward pass: keep what was seen.
  let seen = needsGradient([queries]) ? queue.copied() : queue
  return record(logits, inputs: [queries]) { gradient in
    let dq = Tensor(uninitialized: queries.shape)
    Product.multiply(
      m: count, n: size, k: negatives, alpha: 1 / temperature, a: gradient.pointer + 1, lda: width,
      b: seen.pointer, ldb: size, c: dq.pointer, ldc: size, precision: .f32)
    for row in 0..<count {
      Kernels.addScaled(
        keys.pointer + row * size, by: gradient.pointer[row * width] / temperature,
        into: dq.pointer + row * size, count: size)
    }
    return [dq]
  }
}
