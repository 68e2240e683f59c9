/// The sum of two tensors of one shape.
public func add(_ a: Tensor, _ b: Tensor) -> Tensor {
  precondition(a.shape == b.shape, "add needs equal shapes, got \(a.shape) and \(b.shape)")
  let out = Tensor(uninitialized: a.shape)
  RowBlocks.forEach(rows: out.elementCount, columns: 1) { range in
    let at = range.lowerBound
    Kernels.add(a.pointer + at, b.pointer + at, into: out.pointer + at, count: range.count)
  }
  return record(out, inputs: [a, b]) { [$0, $0] }
}

/// The product of two tensors of one shape, element by element.
public func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
  precondition(a.shape == b.shape, "multiply needs equal shapes, got \(a.shape) and \(b.shape)")
  func product(_ x: Tensor, _ y: Tensor) -> Tensor {
    let out = Tensor(uninitialized: x.shape)
    Kernels.multiply(x.pointer, y.pointer, into: out.pointer, count: out.elementCount)
    return out
  }
  return record(product(a, b), inputs: [a, b]) { gradient in
    [product(gradient, b), product(gradient, a)]
  }
}

/// The tensor times a number.
public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
  func times(_ x: Tensor) -> Tensor {
    let out = Tensor(uninitialized: x.shape)
    Kernels.scale(x.pointer, by: factor, into: out.pointer, count: out.elementCount)
    return out
  }
  return record(times(x), inputs: [x]) { [times($0)] }
}

/// The sum of all elements, shape `[1]`.
public func sum(_ x: Tensor) -> Tensor {
  let out = Tensor([Kernels.sum(x.pointer, count: x.elementCount)], shape: [1])
  let shape = x.shape
  return record(out, inputs: [x]) { [Tensor(repeating: $0.item, shape: shape)] }
}

/// The mean of all elements, shape `[1]`.
public func mean(_ x: Tensor) -> Tensor { scaled(sum(x), by: 1 / Float(x.elementCount)) }

/// The tensors one after the other along the first axis.
///
/// - Precondition: there is at least one, and the other axes agree.
public func concatenated(_ parts: [Tensor]) -> Tensor {
  precondition(!parts.isEmpty, "concatenated needs at least one tensor")
  let rest = Array(parts[0].shape.dropFirst())
  precondition(
    parts.allSatisfy { Array($0.shape.dropFirst()) == rest },
    "concatenated needs equal shapes but for the first axis, got \(parts.map(\.shape))")
  let out = Tensor(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + rest)
  var at = 0
  for part in parts {
    (out.pointer + at).update(from: part.pointer, count: part.elementCount)
    at += part.elementCount
  }
  return record(out, inputs: parts) { gradient in
    var at = 0
    return parts.map { part in
      let slice = Tensor(uninitialized: part.shape)
      slice.pointer.update(from: gradient.pointer + at, count: part.elementCount)
      at += part.elementCount
      return slice
    }
  }
}

/// The rows `range` of the first axis.
public func rows(_ x: Tensor, _ range: Range<Int>) -> Tensor {
  precondition(
    range.lowerBound >= 0 && range.upperBound <= x.shape[0], "rows \(range) of \(x.shape)")
  let width = x.elementCount / max(1, x.shape[0])
  let out = Tensor(uninitialized: [range.count] + x.shape.dropFirst())
  out.pointer.update(from: x.pointer + range.lowerBound * width, count: out.elementCount)
  let shape = x.shape
  return record(out, inputs: [x]) { gradient in
    let whole = Tensor(zeros: shape)
    (whole.pointer + range.lowerBound * width).update(
      from: gradient.pointer, count: gradient.elementCount)
    return [whole]
  }
}
