/// Layer normalisation of the last axis, the variance biased.
///
/// - in: x `[..., C]`, weight and bias `[C]`
/// - out: `[..., C]`
///
/// Source: Ba et al., Layer Normalization, 2016.
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
  let columns = x.shape.last ?? 1
  precondition(
    weight.elementCount == columns && bias.elementCount == columns,
    "layerNorm: weight \(weight.shape) and bias \(bias.shape) do not fit \(x.shape)")
  let rowCount = x.elementCount / columns
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range {
      Kernels.layerNorm(
        x.pointer + row * columns, weight: weight.pointer, bias: bias.pointer, epsilon: epsilon,
        into: out.pointer + row * columns, count: columns)
    }
  }
  return record(out, inputs: [x, weight, bias]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    let sums = RowBlocks.accumulate(rows: rowCount, columns: columns, width: 2 * columns) {
      range, sums in
      for row in range {
        let at = row * columns
        let (mean, reciprocal) = Kernels.moments(
          x.pointer + at, epsilon: epsilon, count: columns)
        Kernels.layerNormBackward(
          x.pointer + at, gradient: gradient.pointer + at, weight: weight.pointer, mean: mean,
          reciprocal: reciprocal, addend: nil, into: dx.pointer + at, weightGradient: sums,
          biasGradient: sums + columns, count: columns)
      }
    }
    return [dx] + split(sums, shape: weight.shape)
  }
}

/// Cuts `[2·C]` sums into two tensors of one shape.
func split(_ sums: Tensor, shape: [Int]) -> [Tensor?] {
  let half = sums.elementCount / 2
  return [0, half].map { at in
    let part = Tensor(uninitialized: shape)
    part.pointer.update(from: sums.pointer + at, count: half)
    return part
  }
}

/// Rows of the last axis divided by max(‖row‖₂, ε).
public func l2Normalized(_ x: Tensor, epsilon: Float = 1e-12) -> Tensor {
  let columns = x.shape.last ?? 1
  let rowCount = x.elementCount / max(1, columns)
  let out = Tensor(uninitialized: x.shape)
  let norms = Tensor(uninitialized: [rowCount])
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range {
      let at = x.pointer + row * columns
      norms.pointer[row] = max(Kernels.dot(at, at, count: columns).squareRoot(), epsilon)
      Kernels.scale(
        at, by: 1 / norms.pointer[row], into: out.pointer + row * columns, count: columns)
    }
  }
  return record(out, inputs: [x]) { [unit = out.detached()] gradient in
    // dx = (g − u·Σ u·g) / ‖x‖; below ε the norm is a constant and only g / ε remains.
    let dx = Tensor(uninitialized: x.shape)
    RowBlocks.forEach(rows: rowCount, columns: columns) { range in
      for row in range {
        let u = unit.pointer + row * columns
        let g = gradient.pointer + row * columns
        let inner = norms.pointer[row] > epsilon ? Kernels.dot(u, g, count: columns) : 0
        for c in 0..<columns {
          dx.pointer[row * columns + c] = (g[c] - u[c] * inner) / norms.pointer[row]
        }
      }
    }
    return [dx]
  }
}
