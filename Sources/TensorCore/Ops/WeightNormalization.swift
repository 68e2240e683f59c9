/// A weight given by its rows' directions and lengths: `w = g · v / ‖v‖₂`, row by row.
///
/// - in: direction v `[K, D]`, gain g `[K, 1]`, or nil for lengths of 1
/// - out: `[K, D]`
///
/// Source: Salimans and Kingma, Weight Normalization, 2016.
public func weightNormalized(direction v: Tensor, gain g: Tensor?) -> Tensor {
  let (rowCount, columns) = (v.shape[0], v.shape[1])
  precondition(
    g.map { $0.elementCount == rowCount } ?? true, "one gain a row of \(v.shape)")
  let out = Tensor(uninitialized: v.shape)
  let norms = Tensor(uninitialized: [rowCount])
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range {
      let at = v.pointer + row * columns
      norms.pointer[row] = max(Kernels.dot(at, at, count: columns).squareRoot(), 1e-12)
      Kernels.scale(
        at, by: (g?.pointer[row] ?? 1) / norms.pointer[row], into: out.pointer + row * columns,
        count: columns)
    }
  }
  return record(out, inputs: [v] + (g.map { [$0] } ?? [])) { gradient in
    // With u = v/‖v‖: dg = u·dw and dv = g/‖v‖·(dw − u·(u·dw)).
    let dv = Tensor(uninitialized: v.shape)
    let dg = Tensor(uninitialized: [rowCount, 1])
    RowBlocks.forEach(rows: rowCount, columns: columns) { range in
      for row in range {
        let source = v.pointer + row * columns
        let slope = gradient.pointer + row * columns
        let reciprocal = 1 / norms.pointer[row]
        let along = Kernels.dot(source, slope, count: columns) * reciprocal
        dg.pointer[row] = along
        let factor = (g?.pointer[row] ?? 1) * reciprocal
        let target = dv.pointer + row * columns
        for c in 0..<columns { target[c] = factor * (slope[c] - source[c] * reciprocal * along) }
      }
    }
    return [dv] + (g == nil ? [] : [dg.reshaped(to: g?.shape ?? [rowCount, 1])])
  }
}
