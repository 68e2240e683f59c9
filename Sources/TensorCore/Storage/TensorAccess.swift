/// Explicit access of the host to a tensor's memory.
///
/// Everything outside the engine computes with operations and comes here to fill an input or to
/// look at a result; on a device these are the places where memory would be copied.
extension Tensor {
  /// A tensor whose elements, in row-major order, `body` writes.
  ///
  /// - Parameter body: Receives memory with undefined contents and must write all of it; the
  ///   buffer is valid only during the call.
  public convenience init(
    shape: [Int], filledBy body: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    self.init(uninitialized: shape)
    try withMutableValues(body)
  }

  /// Reads the elements in row-major order without a copy; the buffer is valid only during the
  /// call.
  public func withValues<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeBufferPointer(start: storage.pointer, count: elementCount))
    }
  }

  /// Changes the elements, in row-major order, in place; the buffer is valid only during the call.
  ///
  /// Views of this tensor change with it. Not for tensors whose gradient is still to be computed.
  public func withMutableValues<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(UnsafeMutableBufferPointer(start: storage.pointer, count: elementCount))
    }
  }

  /// Takes over values in row-major order.
  ///
  /// - Precondition: there are as many values as elements.
  public func assign(_ values: [Float]) {
    precondition(
      values.count == elementCount,
      "shape \(shape) needs \(elementCount) values, got \(values.count)")
    withMutableValues { _ = $0.update(from: values) }
  }

  /// Takes over the values of another tensor of the same shape.
  ///
  /// - Precondition: the shapes agree.
  public func assign(_ source: Tensor) {
    precondition(shape == source.shape, "\(shape) cannot take the values of \(source.shape)")
    storage.pointer.update(from: source.storage.pointer, count: elementCount)
  }
}
