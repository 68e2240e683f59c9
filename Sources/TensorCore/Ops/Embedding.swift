import Threads

/// Cuts images into square patches and maps each to a token: a convolution whose kernel size and
/// stride are the patch size.
///
/// Images whose sides are no multiple of the patch size are padded with zeros on the right and
/// at the bottom.
///
/// Shapes: `B` images, `p` pixels a patch side, `C` channels out.
/// - in: images `[B, 3, H, W]`, weight `[C, 3, p, p]`, bias `[C]`
/// - out: `[B, ⌈H/p⌉·⌈W/p⌉, C]`, tokens row by row
public func patchEmbedding(_ images: Tensor, weight: Tensor, bias: Tensor) -> Tensor {
  let (batch, planes) = (images.shape[0], images.shape[1])
  let (height, width) = (images.shape[2], images.shape[3])
  let (channels, patch) = (weight.shape[0], weight.shape[2])
  precondition(
    planes == weight.shape[1], "images \(images.shape) do not fit weight \(weight.shape)")
  let (gridHeight, gridWidth) = ((height + patch - 1) / patch, (width + patch - 1) / patch)
  let tokens = gridHeight * gridWidth
  let patchLength = planes * patch * patch
  let columns = Tensor(uninitialized: [batch * tokens, patchLength])
  let (source, target) = (images.pointer, columns.pointer)
  ThreadPool.shared.forEach(batch * gridHeight) { index in
    let (image, gridY) = (index / gridHeight, index % gridHeight)
    let out = target + index * gridWidth * patchLength
    for plane in 0..<planes {
      for dy in 0..<patch {
        let y = gridY * patch + dy
        let row = source + ((image * planes + plane) * height + y) * width
        var at = out + (plane * patch + dy) * patch
        for left in stride(from: 0, to: gridWidth * patch, by: patch) {
          let inside = y < height ? max(0, min(patch, width - left)) : 0
          for x in 0..<inside { at[x] = row[left + x] }
          for x in inside..<patch { at[x] = 0 }
          at += patchLength
        }
      }
    }
  }
  precondition(!images.wantsGradient, "patchEmbedding has no gradient for the images")
  return linear(columns, weight: weight.reshaped(to: [channels, patchLength]), bias: bias)
    .reshaped(to: [batch, tokens, channels])
}

/// Gathers each 2x2 group of tokens into one of four times the channels.
///
/// The order is top left, bottom left, top right, bottom right. Odd maps are padded with zeros on
/// the right and at the bottom.
///
/// - in: `[B, H·W, C]`
/// - out: `[B, ⌈H/2⌉·⌈W/2⌉, 4·C]`
///
/// Source: Liu et al., Swin Transformer, 2021, section 3.1.
public func patchMergingGather(_ x: Tensor, height: Int, width: Int) -> Tensor {
  let (batch, channels) = (x.shape[0], x.shape[2])
  precondition(x.shape[1] == height * width, "\(x.shape) is no map of \(height)x\(width)")
  let (halfHeight, halfWidth) = ((height + 1) / 2, (width + 1) / 2)
  let out = Tensor(uninitialized: [batch, halfHeight * halfWidth, 4 * channels])
  func forEachCell(_ body: (_ source: Int?, _ target: Int) -> Void, image: Int, row: Int) {
    for column in 0..<halfWidth {
      for part in 0..<4 {
        let (y, x) = (2 * row + part % 2, 2 * column + part / 2)
        let source = y < height && x < width ? ((image * height + y) * width + x) * channels : nil
        body(source, (((image * halfHeight + row) * halfWidth + column) * 4 + part) * channels)
      }
    }
  }
  ThreadPool.shared.forEach(batch * halfHeight) { index in
    forEachCell(
      { source, target in
        if let source {
          (out.pointer + target).update(from: x.pointer + source, count: channels)
        } else {
          (out.pointer + target).update(repeating: 0, count: channels)
        }
      }, image: index / halfHeight, row: index % halfHeight)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    ThreadPool.shared.forEach(batch * halfHeight) { index in
      forEachCell(
        { source, target in
          guard let source else { return }
          (dx.pointer + source).update(from: gradient.pointer + target, count: channels)
        }, image: index / halfHeight, row: index % halfHeight)
    }
    return [dx]
  }
}

/// The mean over the tokens from one on, `[B, N, C]` to `[B, C]`.
public func meanPooled(_ x: Tensor, from first: Int = 0) -> Tensor {
  let (batch, all, channels) = (x.shape[0], x.shape[1], x.shape[2])
  precondition((0..<all).contains(first), "the mean of no token: from \(first) of \(all)")
  let tokens = all - first
  let out = Tensor(zeros: [batch, channels])
  let share = 1 / Float(tokens)
  ThreadPool.shared.forEach(batch) { image in
    let sum = out.pointer + image * channels
    for token in first..<all {
      Kernels.add(sum, x.pointer + (image * all + token) * channels, into: sum, count: channels)
    }
    Kernels.scale(sum, by: share, into: sum, count: channels)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = first == 0 ? Tensor(uninitialized: x.shape) : Tensor(zeros: x.shape)
    ThreadPool.shared.forEach(batch) { image in
      for token in first..<all {
        Kernels.scale(
          gradient.pointer + image * channels, by: share,
          into: dx.pointer + (image * all + token) * channels, count: channels)
      }
    }
    return [dx]
  }
}

/// One token of every image, `[B, N, C]` to `[B, C]`.
public func selectedToken(_ x: Tensor, at token: Int) -> Tensor {
  tokens(x, token..<token + 1, shape: [x.shape[0], x.shape[2]])
}

/// Leaves the first tokens of every image out.
///
/// - in: x `[B, T + N, C]`; out: `[B, N, C]`
public func withoutLeadingTokens(_ x: Tensor, count: Int) -> Tensor {
  precondition(0 <= count && count < x.shape[1], "\(count) leading tokens of \(x.shape[1])")
  return tokens(x, count..<x.shape[1], shape: [x.shape[0], x.shape[1] - count, x.shape[2]])
}

/// Some neighbouring tokens of every image of `[B, N, C]`, in a shape of as many numbers.
private func tokens(_ x: Tensor, _ range: Range<Int>, shape: [Int]) -> Tensor {
  let (batch, total, channels) = (x.shape[0], x.shape[1], x.shape[2])
  precondition(
    range.lowerBound >= 0 && range.upperBound <= total, "tokens \(range) of \(total)")
  let size = range.count * channels
  let first = range.lowerBound
  let out = Tensor(uninitialized: shape)
  for image in 0..<batch {
    (out.pointer + image * size).update(
      from: x.pointer + (image * total + first) * channels, count: size)
  }
  return record(out, inputs: [x]) { gradient in
    let dx = Tensor(zeros: x.shape)
    for image in 0..<batch {
      (dx.pointer + (image * total + first) * channels).update(
        from: gradient.pointer + image * size, count: size)
    }
    return [dx]
  }
}

/// Puts learned tokens in front of each image's tokens and adds learned positions.
///
/// - in: x `[B, N, C]`, leading tokens `[T, C]`, positions `[T + N, C]`
/// - out: `[B, T + N, C]`
public func withLeadingTokens(_ x: Tensor, tokens leading: Tensor, positions: Tensor) -> Tensor {
  let (batch, tokens, channels) = (x.shape[0], x.shape[1], x.shape[2])
  let extra = leading.elementCount / channels
  let total = extra + tokens
  precondition(
    positions.elementCount == total * channels,
    "positions \(positions.shape) do not fit \(total) tokens of \(channels)")
  let out = Tensor(uninitialized: [batch, total, channels])
  for image in 0..<batch {
    let base = out.pointer + image * total * channels
    let split = extra * channels
    Kernels.add(leading.pointer, positions.pointer, into: base, count: split)
    Kernels.add(
      x.pointer + image * tokens * channels, positions.pointer + split, into: base + split,
      count: tokens * channels)
  }
  return record(out, inputs: [x, leading, positions]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    let sums = Tensor(zeros: positions.shape)
    for image in 0..<batch {
      let base = gradient.pointer + image * total * channels
      (dx.pointer + image * tokens * channels).update(
        from: base + extra * channels, count: tokens * channels)
      Kernels.add(sums.pointer, base, into: sums.pointer, count: total * channels)
    }
    let dLeading = Tensor(uninitialized: leading.shape)
    dLeading.pointer.update(from: sums.pointer, count: leading.elementCount)
    return [dx, dLeading, sums]
  }
}
