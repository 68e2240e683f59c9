/// The weights of one MLP branch.
///
/// Linear weights are `[out, in]`.
public struct MLPWeights {
  /// LayerNorm before the MLP, `[C]` each.
  public let normWeight, normBias: Tensor
  /// The LayerNorm's ε.
  public let epsilon: Float
  /// First map: `[H, C]` and `[H]`.
  public let hiddenWeight, hiddenBias: Tensor
  /// Second map: `[C, H]` and `[C]`.
  public let outputWeight, outputBias: Tensor

  /// Gathers the weights of one branch.
  public init(
    normWeight: Tensor, normBias: Tensor, epsilon: Float, hiddenWeight: Tensor,
    hiddenBias: Tensor, outputWeight: Tensor, outputBias: Tensor
  ) {
    self.normWeight = normWeight
    self.normBias = normBias
    self.epsilon = epsilon
    self.hiddenWeight = hiddenWeight
    self.hiddenBias = hiddenBias
    self.outputWeight = outputWeight
    self.outputBias = outputBias
  }

  var tensors: [Tensor] {
    [normWeight, normBias, hiddenWeight, hiddenBias, outputWeight, outputBias]
  }
}

/// A whole residual MLP branch: `x + f · (W₂ GELU(W₁ LayerNorm(x) + b₁) + b₂)`.
///
/// Walks panels of rows that stay in cache between the two products.
///
/// Shapes: `B` images, `L` tokens, `C` channels, `H` hidden.
/// - in: x `[B, L, C]`, `factors` one number an image (drop path) or nil for 1
/// - out: `[B, L, C]`
///
/// - Complexity: keeps `B·L·H` floats for the gradient.
public func mlpBlock(_ x: Tensor, weights: MLPWeights, factors: [Float]? = nil) -> Tensor {
  let job = MLPJob(x: x, weights: weights, factors: factors)
  let out = Tensor(uninitialized: x.shape)
  let inputs = [x] + weights.tensors
  let kept = needsGradient(inputs) ? Tensor(uninitialized: [job.rowCount, job.hidden]) : nil
  job.forward(into: out, keeping: kept)
  return record(out, inputs: inputs) { gradient in
    guard let kept else { return inputs.map { _ in nil } }
    return job.backward(gradient, hiddenSums: kept)
  }
}

/// The numbers one call of `mlpBlock` works with.
struct MLPJob {
  let x: Tensor
  let weights: MLPWeights
  let factors: [Float]?
  let channels: Int
  let hidden: Int
  let rowCount: Int
  let rowsPerImage: Int
  let panels: Panels

  init(x: Tensor, weights: MLPWeights, factors: [Float]?) {
    self.x = x
    self.weights = weights
    self.factors = factors
    channels = x.shape[2]
    hidden = weights.hiddenWeight.shape[0]
    precondition(
      weights.hiddenWeight.shape[1] == channels
        && weights.outputWeight.shape == [channels, hidden],
      "MLP weights \(weights.hiddenWeight.shape), \(weights.outputWeight.shape) for \(x.shape)")
    rowsPerImage = x.shape[1]
    rowCount = x.shape[0] * rowsPerImage
    panels = Panels(
      units: rowCount, rowsPerUnit: 1, width: 2 * channels + min(hidden, Product.depthBlock))
  }

  @inline(__always)
  private func factor(row: Int) -> Float { factors?[row / rowsPerImage] ?? 1 }

  /// The hidden numbers of a row that are computed at once: with all of them the second product
  /// would find the first ones gone from the cache.
  private var hiddenBlock: Int {
    panels.count == 1 ? hidden : min(hidden, Product.depthBlock)
  }

  func forward(into out: Tensor, keeping kept: Tensor?) {
    let toHidden = weights.hiddenWeight.packedForward()
    let toOutput = weights.outputWeight.packedForward()
    let block = hiddenBlock
    let (narrowRow, wideRow) = (Product.rowLength(channels), Product.rowLength(block))
    panels.forEach { _, rows in
      let (first, count) = (rows.lowerBound, rows.count)
      let normalized = Storage(count: count * narrowRow)
      let activated = Storage(count: count * wideRow)
      let result = Storage(count: count * channels)
      for row in 0..<count {
        Kernels.layerNorm(
          x.pointer + (first + row) * channels, weight: weights.normWeight.pointer,
          bias: weights.normBias.pointer, epsilon: weights.epsilon,
          into: normalized.pointer + row * narrowRow, count: channels)
      }
      for start in stride(from: 0, to: hidden, by: block) {
        let columns = start..<min(hidden, start + block)
        let sums = kept.map { $0.pointer + first * hidden + start } ?? activated.pointer
        let sumRow = kept == nil ? wideRow : hidden
        Product.multiply(
          Product.Left(start: normalized.pointer, row: narrowRow), toHidden, rows: count,
          columns: columns, into: sums, row: sumRow)
        RowBlocks.forEach(rows: count, columns: columns.count) { range in
          for row in range {
            Kernels.biasedGELU(
              sums + row * sumRow, bias: weights.hiddenBias.pointer + start,
              into: activated.pointer + row * wideRow, keepsSum: kept != nil, count: columns.count)
          }
        }
        Product.multiply(
          Product.Left(start: activated.pointer, row: wideRow), toOutput, rows: count,
          steps: columns, into: result.pointer, row: channels, adding: start > 0)
      }
      for row in 0..<count {
        let at = (first + row) * channels
        Kernels.residual(
          x.pointer + at, result.pointer + row * channels, bias: weights.outputBias.pointer,
          factor: factor(row: first + row), into: out.pointer + at, count: channels)
      }
    }
  }

  /// The gradients of x and of `weights.tensors`, in that order.
  ///
  /// Overwrites `hiddenSums`.
  func backward(_ gradient: Tensor, hiddenSums: Tensor) -> [Tensor?] {
    let dx = Tensor(uninitialized: x.shape)
    let normalized = Tensor(uninitialized: [rowCount, channels])
    let activated = Tensor(uninitialized: [rowCount, hidden])
    let dNorm = Tensor(uninitialized: [panels.count, 2 * channels])
    let dy = scaledRows(gradient, by: factors)
    let fromOutput = weights.outputWeight.packedBackward()
    let fromHidden = weights.hiddenWeight.packedBackward()
    let block = hiddenBlock
    let wideRow = Product.rowLength(block)
    panels.forEach { panel, rows in
      let (first, count) = (rows.lowerBound, rows.count)
      let dActivated = Storage(count: count * wideRow)
      let dNormalized = Storage(count: count * channels)
      for start in stride(from: 0, to: hidden, by: block) {
        let columns = start..<min(hidden, start + block)
        Product.multiply(
          Product.Left(start: dy.pointer + first * channels, row: channels), fromOutput,
          rows: count, columns: columns, into: dActivated.pointer, row: wideRow)
        RowBlocks.forEach(rows: count, columns: columns.count) { range in
          for row in range {
            let at = (first + row) * hidden + start
            Kernels.geluBackward(
              hiddenSums.pointer + at, dActivated.pointer + row * wideRow,
              activated: activated.pointer + at, count: columns.count)
          }
        }
        Product.multiply(
          Product.Left(start: hiddenSums.pointer + first * hidden + start, row: hidden),
          fromHidden, rows: count, steps: columns, into: dNormalized.pointer, row: channels,
          adding: start > 0)
      }
      let sums = dNorm.pointer + panel * 2 * channels
      sums.update(repeating: 0, count: 2 * channels)
      for row in 0..<count {
        let at = (first + row) * channels
        let (mean, reciprocal) = Kernels.layerNorm(
          x.pointer + at, weight: weights.normWeight.pointer, bias: weights.normBias.pointer,
          epsilon: weights.epsilon, into: normalized.pointer + at, count: channels)
        Kernels.layerNormBackward(
          x.pointer + at, gradient: dNormalized.pointer + row * channels,
          weight: weights.normWeight.pointer, mean: mean, reciprocal: reciprocal,
          addend: gradient.pointer + at, into: dx.pointer + at, weightGradient: sums,
          biasGradient: sums + channels, count: channels)
      }
    }
    let normSums = RowBlocks.columnSums(dNorm.pointer, rows: panels.count, columns: 2 * channels)
    var gradients: [Tensor?] = [dx] + split(normSums, shape: [channels])
    gradients.append(
      weightGradient(
        hiddenSums.pointer, normalized.pointer, rows: rowCount, outputs: hidden, inputs: channels))
    gradients.append(RowBlocks.columnSums(hiddenSums.pointer, rows: rowCount, columns: hidden))
    gradients.append(
      weightGradient(
        dy.pointer, activated.pointer, rows: rowCount, outputs: channels, inputs: hidden))
    gradients.append(RowBlocks.columnSums(dy.pointer, rows: rowCount, columns: channels))
    return gradients
  }
}
