/// A 3x3 convolution with stride 1 and a border of one zero, optionally followed by a rectifier.
///
///     y[b, h, w, o] = bias[o] + Σ weight[o, i, r, s] · x[b, h + r − 1, w + s − 1, i]
///
/// Runs as Winograd's F(4x4, 3x3) with a largest error near 3·10⁻⁶ of the largest output.
///
/// Shapes: `B` images, `H`x`W` pixels, `I` and `O` channels.
/// - in: x `[B, H, W, I]`, weight `[O, I, 3, 3]`, bias `[O]`
/// - out: `[B, H, W, O]`
///
/// - Parameter rectified: Whether negative outputs become 0.
/// - Complexity: 2.25·B·H·W·I·O multiply-adds when the sides are multiples of four; scratch below
///   40 MiB beside a copy of the weights.
public func convolution3x3(
  _ x: Tensor, weight: Tensor, bias: Tensor?, rectified: Bool = false
) -> Tensor {
  precondition(
    x.shape.count == 4 && weight.shape == [weight.shape[0], x.shape[3], 3, 3],
    "convolution3x3: input \(x.shape) does not fit weight \(weight.shape)")
  let outputs = weight.shape[0]
  precondition(
    bias == nil || bias?.elementCount == outputs,
    "convolution3x3: bias \(bias?.shape ?? []) does not fit weight \(weight.shape)")
  let y = convolved(x, weight: weight, transposed: false, bias: bias, rectified: rectified)
  return record(y, inputs: [x, weight] + (bias.map { [$0] } ?? [])) {
    [kept = rectified ? y.detached() : nil] gradient in
    let dy = kept.map { rectifierGradient(gradient, output: $0) } ?? gradient
    let shaped = dy.viewed(as: x.shape.dropLast() + [outputs])
    var gradients: [Tensor?] = [nil, nil]
    if x.wantsGradient {
      gradients[0] = convolved(shaped, weight: weight, transposed: true, bias: nil)
    }
    if weight.wantsGradient {
      gradients[1] = convolutionWeightGradient(x, shaped, shape: weight.shape)
    }
    if let bias {
      gradients.append(
        bias.wantsGradient
          ? RowBlocks.columnSums(dy.pointer, rows: dy.elementCount / outputs, columns: outputs)
          : nil)
    }
    return gradients
  }
}

/// The convolution of `[B, H, W, C]`, or its transpose, on whole panels of channels.
private func convolved(
  _ x: Tensor, weight: Tensor, transposed: Bool, bias: Tensor?, rectified: Bool = false
) -> Tensor {
  let outputs = weight.shape[transposed ? 1 : 0]
  let source = withWholePanels(x)
  let job = WinogradConvolution(
    batch: x.shape[0], height: x.shape[1], width: x.shape[2], inputs: wholePanels(x.shape[3]),
    outputs: wholePanels(outputs))
  let wide = Tensor(uninitialized: x.shape.dropLast() + [job.outputs])
  let offsets = Tensor(zeros: [job.outputs])
  if let bias { offsets.pointer.update(from: bias.pointer, count: outputs) }
  job.forward(
    source.pointer, packed: job.packed(weight, transposed: transposed), bias: offsets.pointer,
    rectified: rectified, into: wide.pointer)
  return withChannels(wide, outputs)
}

private func convolutionWeightGradient(_ x: Tensor, _ dy: Tensor, shape: [Int]) -> Tensor {
  let job = WinogradConvolution(
    batch: x.shape[0], height: x.shape[1], width: x.shape[2], inputs: wholePanels(x.shape[3]),
    outputs: wholePanels(dy.shape[3]))
  let (source, gradient) = (withWholePanels(x), withWholePanels(dy))
  return job.weightGradient(source.pointer, gradient.pointer, shape: shape)
}

private func wholePanels(_ channels: Int) -> Int { (channels + 31) & ~31 }

/// The tensor with zeros after its channels up to whole panels; itself where none are needed.
private func withWholePanels(_ x: Tensor) -> Tensor {
  withChannels(x, wholePanels(x.shape[3]))
}

/// The tensor with its last axis cut or filled up with zeros.
private func withChannels(_ x: Tensor, _ channels: Int) -> Tensor {
  let present = x.shape[3]
  guard channels != present else { return x }
  let out = Tensor(zeros: x.shape.dropLast() + [channels])
  let shared = min(channels, present)
  let rowCount = x.elementCount / max(1, present)
  RowBlocks.forEach(rows: rowCount, columns: max(channels, present)) { range in
    for row in range {
      (out.pointer + row * channels).update(from: x.pointer + row * present, count: shared)
    }
  }
  return out
}
