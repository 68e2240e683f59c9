import Threads

/// The weights of one attention branch.
///
/// Linear weights are `[out, in]`.
public struct AttentionWeights {
  /// LayerNorm before the attention, `[C]` each.
  public let normWeight, normBias: Tensor
  /// The LayerNorm's ε.
  public let epsilon: Float
  /// Queries, keys and values in one map: `[3C, C]` and `[3C]`.
  public let qkvWeight, qkvBias: Tensor
  /// The output map: `[C, C]` and `[C]`.
  public let projectionWeight, projectionBias: Tensor
  /// Relative position bias table `[(2w−1)², h]`, or nil.
  public let biasTable: Tensor?
  /// Row of the table for each query and key slot, `[N·N]`; empty without a table.
  public let biasIndex: [Int32]
  /// Heads, `h`.
  public let headCount: Int

  /// Gathers the weights of one branch.
  public init(
    normWeight: Tensor, normBias: Tensor, epsilon: Float, qkvWeight: Tensor, qkvBias: Tensor,
    projectionWeight: Tensor, projectionBias: Tensor, biasTable: Tensor?, biasIndex: [Int32],
    headCount: Int
  ) {
    self.normWeight = normWeight
    self.normBias = normBias
    self.epsilon = epsilon
    self.qkvWeight = qkvWeight
    self.qkvBias = qkvBias
    self.projectionWeight = projectionWeight
    self.projectionBias = projectionBias
    self.biasTable = biasTable
    self.biasIndex = biasIndex
    self.headCount = headCount
  }

  var tensors: [Tensor] {
    [normWeight, normBias, qkvWeight, qkvBias, projectionWeight, projectionBias]
      + (biasTable.map { [$0] } ?? [])
  }
}

/// A whole residual attention branch: `x + f · proj(attention(LayerNorm(x)))`.
///
/// LayerNorm, shift, window partition, qkv, bias, mask, softmax, values, projection, reverse and
/// residual in one pass over panels of windows; the permutations are index arithmetic. Padding
/// slots are zeros after the LayerNorm and take part in the attention, as in the dense models.
/// For global attention the geometry is one window over all tokens.
///
/// Shapes: `B` images, `L` tokens, `C` channels.
/// - in: x `[B, L, C]`, `factors` one number an image (drop path) or nil for 1
/// - out: `[B, L, C]`
///
/// - Complexity: keeps qkv, `3·B·L·C` floats, for the gradient; probabilities are recomputed.
///
/// Source: Liu et al., Swin Transformer, 2021, equations 3 and 4.
public func attentionBlock(
  _ x: Tensor, weights: AttentionWeights, geometry: WindowGeometry, factors: [Float]? = nil
) -> Tensor {
  let job = AttentionJob(x: x, weights: weights, geometry: geometry, factors: factors)
  let out = Tensor(uninitialized: x.shape)
  let inputs = [x] + weights.tensors
  let kept = needsGradient(inputs) ? Tensor(uninitialized: [job.rowCount, 3 * job.channels]) : nil
  job.forward(into: out, keeping: kept)
  return record(out, inputs: inputs) { gradient in
    guard let kept else { return inputs.map { _ in nil } }
    return job.backward(gradient, qkv: kept)
  }
}

/// The numbers one call of `attentionBlock` works with.
struct AttentionJob {
  let x: Tensor
  let weights: AttentionWeights
  let geometry: WindowGeometry
  let factors: [Float]?
  let channels: Int
  let headSize: Int
  let scale: Float
  let windowTotal: Int
  let rowCount: Int
  let panels: Panels
  /// Whether its products round operands to bfloat16.
  let isPaired: Bool
  /// `[h, N, rowLength]`, or `[rowLength]` without a table; -∞ in the padding columns.
  let bias: Tensor

  init(x: Tensor, weights: AttentionWeights, geometry: WindowGeometry, factors: [Float]?) {
    self.x = x
    self.weights = weights
    self.geometry = geometry
    self.factors = factors
    channels = x.shape[2]
    precondition(
      x.shape[1] == geometry.tokenCount,
      "attention over \(geometry.tokenCount) tokens, input \(x.shape)")
    precondition(
      channels % weights.headCount == 0, "\(channels) channels, \(weights.headCount) heads")
    headSize = channels / weights.headCount
    isPaired = Precision.current == .bf16
    scale = 1 / Float(headSize).squareRoot()
    windowTotal = x.shape[0] * geometry.windowCount
    rowCount = windowTotal * geometry.slotCount
    panels = Panels(
      units: windowTotal, rowsPerUnit: geometry.slotCount, width: 5 * channels)
    bias = Self.expandedBias(weights, geometry)
  }

  private static func expandedBias(
    _ weights: AttentionWeights, _ geometry: WindowGeometry
  ) -> Tensor {
    let (slots, length) = (geometry.slotCount, geometry.rowLength)
    guard let table = weights.biasTable else {
      let row = Tensor(repeating: -.infinity, shape: [length])
      row.pointer.update(repeating: 0, count: slots)
      return row
    }
    let heads = weights.headCount
    precondition(
      weights.biasIndex.count == slots * slots && table.shape[1] == heads,
      "bias table \(table.shape) and \(weights.biasIndex.count) indices for \(slots) slots")
    let bias = Tensor(uninitialized: [heads, slots, length])
    weights.biasIndex.withUnsafeBufferPointer { index in
      ThreadPool.shared.forEach(heads) { head in
        for i in 0..<slots {
          let row = bias.pointer + (head * slots + i) * length
          for j in 0..<slots {
            row[j] = table.pointer[Int(index[i * slots + j]) * heads + head]
          }
          (row + slots).update(repeating: -.infinity, count: length - slots)
        }
      }
    }
    return bias
  }

  /// The token (over all images) in one slot of one window, or nil for padding.
  @inline(__always)
  func token(window: Int, slot: Int) -> Int? {
    let (image, local) = (window / geometry.windowCount, window % geometry.windowCount)
    let token = geometry.tokens.withUnsafeBufferPointer { $0[local * geometry.slotCount + slot] }
    return token < 0 ? nil : image * geometry.tokenCount + Int(token)
  }

  @inline(__always)
  func factor(window: Int) -> Float { factors?[window / geometry.windowCount] ?? 1 }

  /// Writes the normalised rows of a panel, padding rows as zeros, to `rows`.
  ///
  /// - Parameter rounds: Whether they become pairs of bfloat16.
  private func gatherNormalized(
    _ windows: Range<Int>, into rows: UnsafeMutablePointer<Float>, row length: Int, rounds: Bool
  ) {
    var row = rows
    for window in windows {
      for slot in 0..<geometry.slotCount {
        if let token = token(window: window, slot: slot) {
          Kernels.layerNorm(
            x.pointer + token * channels, weight: weights.normWeight.pointer,
            bias: weights.normBias.pointer, epsilon: weights.epsilon, into: row, count: channels)
          if rounds { Product.roundRow(row, count: channels) }
        } else {
          row.update(repeating: 0, count: channels)
        }
        row += length
      }
    }
  }

  /// Queries, keys and values of a panel into `qkv`, `[rows, 3C]`.
  ///
  /// - Parameter normalized: Room for the normalised rows, `[rows, Product.rowLength(C)]`.
  func project(
    _ windows: Range<Int>, by toQKV: PackedMatrix, normalized: UnsafeMutablePointer<Float>,
    into qkv: UnsafeMutablePointer<Float>
  ) {
    let (rows, row) = (windows.count * geometry.slotCount, 3 * channels)
    let narrowRow = Product.rowLength(channels)
    gatherNormalized(windows, into: normalized, row: narrowRow, rounds: toQKV.isPaired)
    Product.multiply(
      Product.Left(start: normalized, row: narrowRow, isPaired: toQKV.isPaired), toQKV,
      rows: rows, into: qkv, row: row)
    Kernels.addBias(qkv, weights.qkvBias.pointer, rows: rows, columns: row)
  }

  /// Attention probabilities of one window and head into `scores`, padding columns 0.
  ///
  /// - Parameters:
  ///   - panels: Room for the keys, `[rowLength · headSize]`.
  ///   - rounds: Whether rows become pairs of bfloat16.
  func probabilities(
    window: Int, head: Int, qkv: UnsafePointer<Float>, panels: UnsafeMutablePointer<Float>,
    into scores: UnsafeMutablePointer<Float>, rounds: Bool = false
  ) {
    let (slots, length, row) = (geometry.slotCount, geometry.rowLength, 3 * channels)
    multiplyTransposed(
      qkv + head * headSize, row: row, by: qkv + channels + head * headSize, panels: panels,
      into: scores)
    let hasTable = weights.biasTable != nil
    let maskIndex = geometry.maskIndices[window % geometry.windowCount]
    func softmax(_ mask: UnsafePointer<Float>?) {
      Kernels.maskedSoftmax(
        scores, scale: scale, bias: bias.pointer + (hasTable ? head * slots * length : 0),
        biasStride: hasTable ? length : 0, mask: mask, rows: slots, rowLength: length,
        rounds: rounds)
    }
    if maskIndex < 0 {
      softmax(nil)
    } else {
      geometry.masks[maskIndex].withUnsafeBufferPointer { softmax($0.baseAddress) }
    }
  }

  /// `scores = a bᵀ` for two slices of a head, `[N, headSize]` each, b's rows those of `qkv`.
  func multiplyTransposed(
    _ a: UnsafePointer<Float>, row: Int, by b: UnsafePointer<Float>,
    panels: UnsafeMutablePointer<Float>, into scores: UnsafeMutablePointer<Float>
  ) {
    let (slots, length) = (geometry.slotCount, geometry.rowLength)
    Product.block(
      Product.Left(start: a, row: row),
      Product.layOut(
        b, row: 3 * channels, isTransposed: true, columns: slots, depth: headSize,
        room: roundingRoom(panels), into: panels),
      rows: slots, columns: length, depth: headSize, into: scores, row: length)
  }

  /// A slice of a head as the right operand of a product over the slots: where it lies, if its
  /// width is whole panels in single precision, or in `panels`.
  func overSlots(
    _ slice: UnsafePointer<Float>, row: Int, panels: UnsafeMutablePointer<Float>
  ) -> Product.Right {
    if headSize % Product.panelWidth == 0, !isPaired {
      return Product.Right(start: slice, step: row, panel: Product.panelWidth)
    }
    return Product.layOut(
      slice, row: row, isTransposed: false, columns: headSize, depth: geometry.slotCount,
      room: roundingRoom(panels), into: panels)
  }

  /// Numbers that a right operand takes, over the head or over the slots.
  private var operandRoom: Int {
    geometry.rowLength * (headSize + Product.panelWidth)
  }

  /// Where numbers lie before they are rounded; nil where they are not.
  private func roundingRoom(
    _ panels: UnsafeMutablePointer<Float>
  ) -> UnsafeMutablePointer<Float>? { isPaired ? panels + operandRoom : nil }

  /// Numbers of room that `probabilities` and `overSlots` need.
  var panelRoom: Int {
    operandRoom + (isPaired ? Product.panelWidth * max(headSize, geometry.slotCount) : 0)
  }

  /// Runs `body` for every window and head; where one panel holds all windows, on all threads.
  func forEachHead(
    _ windows: Range<Int>, _ body: (_ window: Int, _ heads: Range<Int>) -> Void
  ) {
    let heads = weights.headCount
    guard panels.count == 1 else {
      for window in windows { body(window, 0..<heads) }
      return
    }
    ThreadPool.shared.forEach(windows.count * heads) { piece in
      let head = piece % heads
      body(windows.lowerBound + piece / heads, head..<head + 1)
    }
  }

  func forward(into out: Tensor, keeping kept: Tensor?) {
    let (slots, length, row) = (geometry.slotCount, geometry.rowLength, 3 * channels)
    let toQKV = weights.qkvWeight.packedForward()
    let toOutput = weights.projectionWeight.packedForward()
    let narrowRow = Product.rowLength(channels)
    panels.forEach { _, windows in
      let rows = windows.count * slots
      let normalized = Storage(count: rows * narrowRow)
      let mixed = Storage(count: rows * narrowRow)
      let scratch = kept == nil ? Storage(count: rows * row) : nil
      let qkv =
        scratch?.pointer ?? (kept?.pointer ?? mixed.pointer) + windows.lowerBound * slots * row
      project(windows, by: toQKV, normalized: normalized.pointer, into: qkv)
      forEachHead(windows) { window, heads in
        let room = Storage(count: slots * length + panelRoom)
        let panels = room.pointer + slots * length
        let index = window - windows.lowerBound
        let base = qkv + index * slots * row
        for head in heads {
          probabilities(
            window: window, head: head, qkv: base, panels: panels, into: room.pointer,
            rounds: isPaired)
          Product.block(
            Product.Left(start: room.pointer, row: length, isPaired: isPaired),
            overSlots(base + 2 * channels + head * headSize, row: row, panels: panels),
            rows: slots, columns: headSize, depth: slots,
            into: mixed.pointer + index * slots * narrowRow + head * headSize, row: narrowRow)
        }
      }
      Product.multiply(
        Product.Left(start: mixed.pointer, row: narrowRow), toOutput, rows: rows,
        into: normalized.pointer, row: narrowRow)
      var result = UnsafePointer(normalized.pointer)
      for window in windows {
        let factor = factor(window: window)
        for slot in 0..<slots {
          if let token = token(window: window, slot: slot) {
            Kernels.residual(
              x.pointer + token * channels, result, bias: weights.projectionBias.pointer,
              factor: factor, into: out.pointer + token * channels, count: channels)
          }
          result += narrowRow
        }
      }
    }
  }
}
