/// Explicit access of the host to a tensor's memory.
///
/// Everything outside the engine computes with operations and comes here to fill an input or to
/// look at a result; on a device these are the places where memory would be copied.
extension Tensor {
  /// A tensor that `fill` writes, in row-major order; it must write all of it.
  public convenience init(
    shape: [Int], filledBy fill: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    self.init(uninitialized: shape)
    try withMutableValues(fill)
  }

  /// Reads the elements in place; the pointer is valid inside `body` only.
  public func withValues<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeBufferPointer(start: pointer, count: elementCount))
    }
  }

  /// Writes the elements in place; the pointer is valid inside `body` only.
  ///
  /// Views change with the tensor. Not for tensors whose gradient is still to be computed.
  public func withMutableValues<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeMutableBufferPointer(start: mutablePointer, count: elementCount))
    }
  }

  /// Reads the elements of one row along the first axis in place.
  ///
  /// - Precondition: the row is there.
  public func withRow<Result>(
    _ row: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    let width = elementCount / max(1, shape[0])
    precondition((0..<shape[0]).contains(row), "row \(row) of \(shape)")
    return try withExtendedLifetime(self) {
      try body(UnsafeBufferPointer(start: pointer + row * width, count: width))
    }
  }

  /// Replaces the elements, in row-major order.
  ///
  /// - Precondition: there are as many values as elements.
  public func assign(_ values: [Float]) {
    precondition(
      values.count == elementCount,
      "shape \(shape) has \(elementCount) elements, got \(values.count) values")
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { mutablePointer.update(from: base, count: source.count) }
    }
  }

  /// Replaces the elements by those of a tensor of the same count.
  ///
  /// - Precondition: the counts agree.
  public func assign(_ other: Tensor) {
    precondition(
      other.elementCount == elementCount, "cannot assign \(other.shape) to \(shape)")
    mutablePointer.update(from: other.pointer, count: elementCount)
  }
}
