/// An affine map of the last axis, y = x Wᵀ + b.
///
/// Shapes: `R` rows (all leading axes), `I` inputs, `O` outputs.
/// - in: x `[..., I]`, weight `[O, I]`, bias `[O]`
/// - out: `[..., O]`
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
  let (outputs, inputs) = (weight.shape[0], weight.shape[1])
  precondition(
    x.shape.last == inputs, "linear: input \(x.shape) does not fit weight \(weight.shape)")
  precondition(
    bias == nil || bias?.elementCount == outputs,
    "linear: bias \(bias?.shape ?? []) does not fit weight \(weight.shape)")
  let rowCount = x.elementCount / inputs
  let y = Tensor(uninitialized: x.shape.dropLast() + [outputs])
  Product.multiply(
    Product.Left(start: x.pointer, row: inputs), weight.packedForward(), rows: rowCount,
    into: y.pointer, row: outputs)
  if let bias {
    RowBlocks.forEach(rows: rowCount, columns: outputs) { range in
      for row in range {
        let at = y.pointer + row * outputs
        Kernels.add(at, bias.pointer, into: at, count: outputs)
      }
    }
  }
  return record(y, inputs: [x, weight] + (bias.map { [$0] } ?? [])) { gradient in
    var gradients: [Tensor?] = [nil, nil]
    if x.wantsGradient {
      let dx = Tensor(uninitialized: x.shape)
      Product.multiply(
        Product.Left(start: gradient.pointer, row: outputs), weight.packedBackward(),
        rows: rowCount, into: dx.pointer, row: inputs)
      gradients[0] = dx
    }
    if weight.wantsGradient {
      gradients[1] = weightGradient(
        gradient.pointer, x.pointer, rows: rowCount, outputs: outputs, inputs: inputs)
    }
    if let bias {
      gradients.append(
        bias.wantsGradient
          ? RowBlocks.columnSums(gradient.pointer, rows: rowCount, columns: outputs) : nil)
    }
    return gradients
  }
}

/// dW = dYᵀ X for the rows of a linear map, `[outputs, inputs]`.
func weightGradient(
  _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, rows: Int, outputs: Int, inputs: Int
) -> Tensor {
  let dw = Tensor(uninitialized: [outputs, inputs])
  Product.multiply(
    transposeA: true, m: outputs, n: inputs, k: rows, a: dy, lda: outputs, b: x, ldb: inputs,
    c: dw.pointer, ldc: inputs)
  return dw
}

/// A matrix product of `[m, k]` and `[k, n]` (or `[n, k]` when `transposeB`).
public func matmul(_ a: Tensor, _ b: Tensor, transposeB: Bool = false) -> Tensor {
  precondition(a.shape.count == 2 && b.shape.count == 2, "matmul needs matrices")
  let (m, k) = (a.shape[0], a.shape[1])
  let n = transposeB ? b.shape[0] : b.shape[1]
  precondition(
    k == (transposeB ? b.shape[1] : b.shape[0]), "matmul: \(a.shape) does not fit \(b.shape)")
  let out = Tensor(uninitialized: [m, n])
  Product.multiply(
    transposeB: transposeB, m: m, n: n, k: k, a: a.pointer, lda: k, b: b.pointer,
    ldb: b.shape[1], c: out.pointer, ldc: n)
  return record(out, inputs: [a, b]) { gradient in
    var da: Tensor?
    var db: Tensor?
    if a.wantsGradient {
      let result = Tensor(uninitialized: a.shape)
      Product.multiply(
        transposeB: !transposeB, m: m, n: k, k: n, a: gradient.pointer, lda: n, b: b.pointer,
        ldb: b.shape[1], c: result.pointer, ldc: k)
      da = result
    }
    if b.wantsGradient {
      let result = Tensor(uninitialized: b.shape)
      if transposeB {
        Product.multiply(
          transposeA: true, m: n, n: k, k: m, a: gradient.pointer, lda: n, b: a.pointer, ldb: k,
          c: result.pointer, ldc: k)
      } else {
        Product.multiply(
          transposeA: true, m: k, n: n, k: m, a: a.pointer, lda: k, b: gradient.pointer, ldb: n,
          c: result.pointer, ldc: n)
      }
      db = result
    }
    return [da, db]
  }
}
