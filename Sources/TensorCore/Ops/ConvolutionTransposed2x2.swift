/// A transposed convolution with kernel 2 and stride 2: every pixel becomes four.
///
///     y[b, 2h + r, 2w + s, o] = bias[o] + Σ weight[i, o, r, s] · x[b, h, w, i]
///
/// - in: x `[B, H, W, I]`, weight `[I, O, 2, 2]`, bias `[O]`
/// - out: `[B, 2H, 2W, O]`
public func convolutionTransposed2x2(_ x: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
  precondition(
    x.shape.count == 4 && weight.shape == [x.shape[3], weight.shape[1], 2, 2],
    "convolutionTransposed2x2: input \(x.shape) does not fit weight \(weight.shape)")
  let (inputs, outputs) = (weight.shape[0], weight.shape[1])
  precondition(
    bias == nil || bias?.elementCount == outputs,
    "convolutionTransposed2x2: bias \(bias?.shape ?? []) does not fit weight \(weight.shape)")
  let columns = 4 * outputs
  let rowCount = x.elementCount / max(1, inputs)
  // A row of the product holds the four pixels of one cell, [r, s, o]; `quadrants` knows where
  // their two halves lie in the output.
  let quadrants = QuadrantMap(
    rows: x.shape[0] * x.shape[1], width: x.shape[2], channels: outputs)
  let reordered = Tensor(uninitialized: [inputs, columns])
  for i in 0..<inputs {
    for o in 0..<outputs {
      for tap in 0..<4 {
        reordered.pointer[i * columns + tap * outputs + o] =
          weight.pointer[(i * outputs + o) * 4 + tap]
      }
    }
  }
  let out = Tensor(
    uninitialized: [x.shape[0], 2 * x.shape[1], 2 * x.shape[2], outputs])
  let cells = Tensor(uninitialized: [rowCount, columns])
  Product.multiply(
    m: rowCount, n: columns, k: inputs, a: x.pointer, lda: inputs, b: reordered.pointer,
    ldb: columns, c: cells.pointer, ldc: columns)
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range {
      for half in 0..<2 {
        let target = out.pointer + quadrants.offset(row: row, half: half)
        let source = cells.pointer + row * columns + half * 2 * outputs
        guard let bias else {
          target.update(from: source, count: 2 * outputs)
          continue
        }
        Kernels.add(source, bias.pointer, into: target, count: outputs)
        Kernels.add(source + outputs, bias.pointer, into: target + outputs, count: outputs)
      }
    }
  }
  return record(out, inputs: [x, weight] + (bias.map { [$0] } ?? [])) { gradient in
    var gradients: [Tensor?] = [nil, nil]
    let cells = Tensor(uninitialized: [rowCount, columns])
    RowBlocks.forEach(rows: rowCount, columns: columns) { range in
      for row in range {
        for half in 0..<2 {
          (cells.pointer + row * columns + half * 2 * outputs).update(
            from: gradient.pointer + quadrants.offset(row: row, half: half), count: 2 * outputs)
        }
      }
    }
    if x.wantsGradient {
      let dx = Tensor(uninitialized: x.shape)
      Product.multiply(
        transposeB: true, m: rowCount, n: inputs, k: columns, a: cells.pointer, lda: columns,
        b: reordered.pointer, ldb: columns, c: dx.pointer, ldc: inputs)
      gradients[0] = dx
    }
    if weight.wantsGradient {
      let taps = weightGradient(
        x.pointer, cells.pointer, rows: rowCount, outputs: inputs, inputs: columns)
      let dw = Tensor(uninitialized: weight.shape)
      for i in 0..<inputs {
        for o in 0..<outputs {
          for tap in 0..<4 {
            dw.pointer[(i * outputs + o) * 4 + tap] =
              taps.pointer[i * columns + tap * outputs + o]
          }
        }
      }
      gradients[1] = dw
    }
    if let bias {
      gradients.append(
        bias.wantsGradient
          ? RowBlocks.columnSums(gradient.pointer, rows: 4 * rowCount, columns: outputs) : nil)
    }
    return gradients
  }
}

/// Where the two rows of pixels that one input pixel becomes lie in the output.
private struct QuadrantMap {
  let rows, width, channels: Int

  func offset(row: Int, half: Int) -> Int {
    let (line, column) = (row / width, row % width)
    return ((2 * line + half) * 2 * width + 2 * column) * channels
  }
}
