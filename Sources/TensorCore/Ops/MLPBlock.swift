/// The weights of one MLP branch.
///
/// Linear weights are `[out, in]`.
public struct MLPWeights {
  /// LayerNorm before the MLP, `[C]` each; nil where another norm stands there.
  public let normWeight, normBias: Tensor?
  /// The LayerNorm's ε.
  public let epsilon: Float
  /// First map: `[H, C]` and `[H]`.
  public let hiddenWeight, hiddenBias: Tensor
  /// Second map: `[C, H]` and `[C]`.
  public let outputWeight, outputBias: Tensor

  /// Gathers the weights of one branch.
  public init(
    normWeight: Tensor?, normBias: Tensor?, epsilon: Float, hiddenWeight: Tensor,
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
    [normWeight, normBias].compactMap { $0 }
      + [hiddenWeight, hiddenBias, outputWeight, outputBias]
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
/// - Parameter normalized: What the MLP sees where its norm is none of each row alone, `[B, L, C]`; the
///   branch is then `x + f · (W₂ GELU(W₁ normalized + b₁) + b₂)`.
/// - Precondition: the weights have a norm, or there is something normalised.
/// - Complexity: keeps `B·L·H` floats for the gradient.
public func mlpBlock(
  _ x: Tensor, weights: MLPWeights, normalized: Tensor? = nil, factors: [Float]? = nil
) -> Tensor {
  let job = MLPJob(x: x, normalized: normalized, weights: weights, factors: factors)
  let out = Tensor(uninitialized: x.shape)
  let inputs = [x] + (normalized.map { [$0] } ?? []) + weights.tensors
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
  /// The layer norm; nil where `seen` is given.
  let norm: (weight: Tensor, bias: Tensor)?
  /// What the MLP sees, where it is given.
  let seen: Tensor?
  let channels: Int
  let hidden: Int
  let rowCount: Int
  let rowsPerImage: Int
  let panels: Panels

  init(x: Tensor, normalized: Tensor?, weights: MLPWeights, factors: [Float]?) {
    self.x = x
    self.weights = weights
    self.factors = factors
    seen = normalized
    if let weight = weights.normWeight, let bias = weights.normBias {
      norm = (weight, bias)
    } else {
      norm = nil
    }
    precondition(
      (norm == nil) == (seen != nil), "an MLP has one norm: its own, or one that came before")
    precondition(
      seen.map { $0.shape == x.shape } ?? true, "MLP of \(seen?.shape ?? []) beside \(x.shape)")
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
    let (block, isPaired) = (hiddenBlock, toHidden.isPaired)
    let (narrowRow, wideRow) = (Product.rowLength(channels), Product.rowLength(block))
    panels.forEach { _, rows in
      let (first, count) = (rows.lowerBound, rows.count)
      let normalized = Storage(count: norm == nil ? 0 : count * narrowRow)
      let activated = Storage(count: count * wideRow)
      let result = Storage(count: count * channels)
      if let norm {
        for row in 0..<count {
          Kernels.layerNorm(
            x.pointer + (first + row) * channels, weight: norm.weight.pointer,
            bias: norm.bias.pointer, epsilon: weights.epsilon,
            into: normalized.pointer + row * narrowRow, count: channels)
          if isPaired { Product.roundRow(normalized.pointer + row * narrowRow, count: channels) }
        }
      }
      let left =
        seen.map { Product.Left(start: $0.pointer + first * channels, row: channels) }
        ?? Product.Left(start: normalized.pointer, row: narrowRow, isPaired: isPaired)
      for start in stride(from: 0, to: hidden, by: block) {
        let columns = start..<min(hidden, start + block)
        let sums = kept.map { $0.pointer + first * hidden + start } ?? activated.pointer
        let sumRow = kept == nil ? wideRow : hidden
        Product.multiply(
          left, toHidden, rows: count, columns: columns, into: sums, row: sumRow)
        RowBlocks.forEach(rows: count, columns: columns.count) { range in
          for row in range {
            Kernels.biasedGELU(
              sums + row * sumRow, bias: weights.hiddenBias.pointer + start,
              into: activated.pointer + row * wideRow, keepsSum: kept != nil, count: columns.count)
            if isPaired {
              Product.roundRow(activated.pointer + row * wideRow, count: columns.count)
            }
          }
        }
        Product.multiply(
          Product.Left(start: activated.pointer, row: wideRow, isPaired: isPaired), toOutput,
          rows: count, steps: columns, into: result.pointer, row: channels, adding: start > 0)
      }
      for row in 0..<count {
        let at = (first + row) * channels
        Kernels.residual(
          x.pointer + at, result.pointer + row * channels, bias: weights.outputBias.pointer,
          factor: factor(row: first + row), into: out.pointer + at, count: channels)
      }
    }
  }

  /// The gradients of x, of what the MLP sees where it is given, and of `weights.tensors`, in that
  /// order.
  ///
  /// Overwrites `hiddenSums`.
  func backward(_ gradient: Tensor, hiddenSums: Tensor) -> [Tensor?] {
    let dx = norm == nil ? gradient : Tensor(uninitialized: x.shape)
    let normalized = seen ?? Tensor(uninitialized: [rowCount, channels])
    let dSeen = seen.map { Tensor(uninitialized: $0.shape) }
    let activated = Tensor(uninitialized: [rowCount, hidden])
    let dNorm = Tensor(uninitialized: [norm == nil ? 0 : panels.count, 2 * channels])
    let dy = scaledRows(gradient, by: factors)
    let fromOutput = weights.outputWeight.packedBackward()
    let fromHidden = weights.hiddenWeight.packedBackward()
    let block = hiddenBlock
    let wideRow = Product.rowLength(block)
    panels.forEach { panel, rows in
      let (first, count) = (rows.lowerBound, rows.count)
      let dActivated = Storage(count: count * wideRow)
      let own = Storage(count: dSeen == nil ? count * channels : 0)
      let dNormalized = dSeen.map { $0.pointer + first * channels } ?? own.pointer
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
          fromHidden, rows: count, steps: columns, into: dNormalized, row: channels,
          adding: start > 0)
      }
      guard let norm else { return }
      let sums = dNorm.pointer + panel * 2 * channels
      sums.update(repeating: 0, count: 2 * channels)
      for row in 0..<count {
        let at = (first + row) * channels
        let (mean, reciprocal) = Kernels.layerNorm(
          x.pointer + at, weight: norm.weight.pointer, bias: norm.bias.pointer,
          epsilon: weights.epsilon, into: normalized.pointer + at, count: channels)
        Kernels.layerNormBackward(
          x.pointer + at, gradient: dNormalized + row * channels,
          weight: norm.weight.pointer, mean: mean, reciprocal: reciprocal,
          addend: gradient.pointer + at, into: dx.pointer + at, weightGradient: sums,
          biasGradient: sums + channels, count: channels)
      }
    }
    var gradients: [Tensor?] = [dx]
    if let dSeen {
      gradients.append(dSeen)
    } else {
      gradients += split(
        RowBlocks.columnSums(dNorm.pointer, rows: panels.count, columns: 2 * channels),
        shape: [channels])
    }
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
