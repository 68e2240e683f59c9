import Threads

extension AttentionJob {
  /// The gradients of x and of `weights.tensors`, in that order.
  ///
  /// First every panel computes its rows' gradients; then the weight gradients are matrix products
  /// over all rows at once, so that no sum depends on the number of threads.
  func backward(_ gradient: Tensor, qkv: Tensor) -> [Tensor?] {
    let (slots, length, row) = (geometry.slotCount, geometry.rowLength, 3 * channels)
    let heads = weights.headCount
    let panelRows = panels.largestSize * slots
    let dx = Tensor(uninitialized: x.shape)
    let dy = Tensor(uninitialized: [rowCount, channels])
    let mixed = Tensor(uninitialized: [rowCount, channels])
    let normalized = Tensor(uninitialized: [rowCount, channels])
    let dqkv = Tensor(uninitialized: [rowCount, row])
    let biasSize = weights.biasTable == nil ? 0 : heads * slots * length
    let dBias = Tensor(uninitialized: [panels.count, max(1, biasSize)])
    let dNorm = Tensor(uninitialized: [panels.count, 2 * channels])

    let fromOutput = weights.projectionWeight.packedBackward()
    let fromQKV = weights.qkvWeight.packedBackward()
    panels.forEach { panel, windows in
      let rows = windows.count * slots
      let first = windows.lowerBound * slots
      let dMixed = Tensor(uninitialized: [panelRows, channels])
      let biasSums = dBias.pointer + panel * biasSize
      biasSums.update(repeating: 0, count: biasSize)
      let dyRows = dy.pointer + first * channels
      gatherGradient(gradient, windows, into: dyRows)
      Product.multiply(
        Product.Left(start: dyRows, row: channels), fromOutput, rows: rows, into: dMixed.pointer,
        row: channels)
      // A head's bias gradient is summed over the panel's windows in order, by one thread.
      ThreadPool.shared.forEach(heads) { head in
        let room = Storage(count: 2 * slots * length + panelRoom)
        for (index, window) in windows.enumerated() {
          let at = first + index * slots
          attentionBackward(
            window: window, head: head, qkv: qkv.pointer + at * row,
            dMixed: dMixed.pointer + index * slots * channels + head * headSize,
            mixed: mixed.pointer + at * channels + head * headSize,
            dqkv: dqkv.pointer + at * row, room: room.pointer,
            biasSums: biasSize > 0 ? biasSums + head * slots * length : nil)
        }
      }
      Product.multiply(
        Product.Left(start: dqkv.pointer + first * row, row: row), fromQKV, rows: rows,
        into: dMixed.pointer, row: channels)
      normBackward(
        windows, dNormalized: dMixed.pointer, gradient: gradient, dx: dx,
        normalized: normalized.pointer + first * channels,
        sums: dNorm.pointer + panel * 2 * channels)
    }

    let normSums = RowBlocks.columnSums(dNorm.pointer, rows: panels.count, columns: 2 * channels)
    var gradients: [Tensor?] = [dx] + split(normSums, shape: [channels])
    gradients.append(
      weightGradient(
        dqkv.pointer, normalized.pointer, rows: rowCount, outputs: row, inputs: channels))
    gradients.append(RowBlocks.columnSums(dqkv.pointer, rows: rowCount, columns: row))
    gradients.append(
      weightGradient(
        dy.pointer, mixed.pointer, rows: rowCount, outputs: channels, inputs: channels))
    gradients.append(RowBlocks.columnSums(dy.pointer, rows: rowCount, columns: channels))
    if let table = weights.biasTable { gradients.append(tableGradient(dBias, table: table)) }
    return gradients
  }

  /// Rows of the output gradient in window order, times the drop-path factor; padding rows 0.
  private func gatherGradient(
    _ gradient: Tensor, _ windows: Range<Int>, into rows: UnsafeMutablePointer<Float>
  ) {
    var row = rows
    for window in windows {
      let factor = factor(window: window)
      for slot in 0..<geometry.slotCount {
        if let token = token(window: window, slot: slot) {
          Kernels.scale(
            gradient.pointer + token * channels, by: factor, into: row, count: channels)
        } else {
          row.update(repeating: 0, count: channels)
        }
        row += channels
      }
    }
  }

  /// One window and head: recomputes p and the mixed values, writes dq, dk, dv; adds the gradient
  /// of the scores to `biasSums`.
  ///
  /// - Parameter room: `[2 · N · rowLength + panelRoom]`.
  private func attentionBackward(
    window: Int, head: Int, qkv: UnsafePointer<Float>, dMixed: UnsafePointer<Float>,
    mixed: UnsafeMutablePointer<Float>, dqkv: UnsafeMutablePointer<Float>,
    room: UnsafeMutablePointer<Float>, biasSums: UnsafeMutablePointer<Float>?
  ) {
    let (slots, length, row) = (geometry.slotCount, geometry.rowLength, 3 * channels)
    let (p, dp, panels) = (room, room + slots * length, room + 2 * slots * length)
    let q = qkv + head * headSize
    let k = q + channels
    let v = k + channels
    let dq = dqkv + head * headSize
    let dk = dq + channels
    let dv = dk + channels
    // Products over the slots: of a matrix `[N, rowLength]`, or of its transpose, with a slice.
    func product(
      _ a: UnsafePointer<Float>, isTransposed: Bool = false, with slice: UnsafePointer<Float>,
      row sliceRow: Int, into out: UnsafeMutablePointer<Float>, row outRow: Int
    ) {
      Product.block(
        Product.Left(start: a, row: isTransposed ? 1 : length, step: isTransposed ? length : 1),
        overSlots(slice, row: sliceRow, panels: panels), rows: slots, columns: headSize,
        depth: slots, into: out, row: outRow)
    }
    probabilities(window: window, head: head, qkv: qkv, panels: panels, into: p)
    product(p, with: v, row: row, into: mixed, row: channels)
    product(p, isTransposed: true, with: dMixed, row: channels, into: dv, row: row)
    multiplyTransposed(dMixed, row: channels, by: v, panels: panels, into: dp)
    Kernels.softmaxBackward(
      p, dp, addingTo: biasSums, scale: scale, rows: slots, rowLength: length)
    product(dp, with: k, row: row, into: dq, row: row)
    product(dp, isTransposed: true, with: q, row: row, into: dk, row: row)
  }

  /// Through the LayerNorm and the residual to dx; also leaves the normalised rows for dW.
  private func normBackward(
    _ windows: Range<Int>, dNormalized: UnsafePointer<Float>, gradient: Tensor, dx: Tensor,
    normalized: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>
  ) {
    sums.update(repeating: 0, count: 2 * channels)
    var at = 0
    for window in windows {
      for slot in 0..<geometry.slotCount {
        defer { at += channels }
        guard let token = token(window: window, slot: slot) else {
          (normalized + at).update(repeating: 0, count: channels)
          continue
        }
        let source = x.pointer + token * channels
        let (mean, reciprocal) = Kernels.layerNorm(
          source, weight: weights.normWeight.pointer, bias: weights.normBias.pointer,
          epsilon: weights.epsilon, into: normalized + at, count: channels)
        Kernels.layerNormBackward(
          source, gradient: dNormalized + at, weight: weights.normWeight.pointer, mean: mean,
          reciprocal: reciprocal, addend: gradient.pointer + token * channels,
          into: dx.pointer + token * channels, weightGradient: sums,
          biasGradient: sums + channels, count: channels)
      }
    }
  }

  /// Adds up the panels' bias gradients in order and scatters them to the table's rows.
  private func tableGradient(_ partial: Tensor, table: Tensor) -> Tensor {
    let (slots, length, heads) = (geometry.slotCount, geometry.rowLength, weights.headCount)
    let width = heads * slots * length
    let total = Tensor(zeros: [width])
    let gradient = Tensor(zeros: table.shape)
    // A head has a column of the table to itself.
    ThreadPool.shared.forEach(heads) { head in
      let at = head * slots * length
      for panel in 0..<panels.count {
        Kernels.add(
          total.pointer + at, partial.pointer + panel * width + at, into: total.pointer + at,
          count: slots * length)
      }
      for i in 0..<slots {
        for j in 0..<slots {
          let entry = Int(weights.biasIndex[i * slots + j]) * heads + head
          gradient.pointer[entry] += total.pointer[at + i * length + j]
        }
      }
    }
    return gradient
  }
}
