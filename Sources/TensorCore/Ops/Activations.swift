import CVector
import VectorMath

/// The Gaussian error linear unit x·Φ(x), with the exact error function.
public func gelu(_ x: Tensor) -> Tensor {
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
    let at = range.lowerBound
    Kernels.gelu(x.pointer + at, into: out.pointer + at, count: range.count)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
      let at = range.lowerBound
      Kernels.geluBackward(
        x.pointer + at, gradient.pointer + at, into: dx.pointer + at, count: range.count)
    }
    return [dx]
  }
}

/// max(x, 0).
public func relu(_ x: Tensor) -> Tensor {
  let out = Tensor(uninitialized: x.shape)
  nonisolated(unsafe) let (input, target) = (x.pointer, out.pointer)
  RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
    for i in range { target[i] = max(input[i], 0) }
  }
  return record(out, inputs: [x]) { [rectifierGradient($0, output: x)] }
}

/// The gradient before a rectifier: that after it where the output is positive or no number, else 0.
func rectifierGradient(_ gradient: Tensor, output: Tensor) -> Tensor {
  let dx = Tensor(uninitialized: output.shape)
  nonisolated(unsafe) let (values, slopes, target) = (output.pointer, gradient.pointer, dx.pointer)
  RowBlocks.forEach(rows: dx.elementCount, columns: 1) { range in
    for i in range { target[i] = values[i] <= 0 ? 0 : slopes[i] }
  }
  return dx
}

/// Softmax along the last axis.
public func softmax(_ x: Tensor) -> Tensor {
  let columns = x.shape.last ?? 1
  let rowCount = x.elementCount / max(1, columns)
  let out = x.copied()
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range { Kernels.softmax(out.pointer + row * columns, count: columns) }
  }
  return record(out, inputs: [x]) { [probabilities = out.detached()] gradient in
    // dx = p·(g − Σ p·g)
    let dx = Tensor(uninitialized: probabilities.shape)
    RowBlocks.forEach(rows: rowCount, columns: columns) { range in
      for row in range {
        let p = probabilities.pointer + row * columns
        let g = gradient.pointer + row * columns
        let inner = Kernels.dot(p, g, count: columns)
        for i in 0..<columns { dx.pointer[row * columns + i] = p[i] * (g[i] - inner) }
      }
    }
    return [dx]
  }
}
