/// Memory for a batch that several threads fill, one row each, and that then becomes a tensor
/// without a copy.
///
/// A tensor belongs to one thread; a batch under construction does not. Each row may be written by
/// any thread, but by one at a time, and `tensor` is for after the last of them.
public final class BatchBuffer: @unchecked Sendable {
  // Unchecked: rows do not overlap, and the rule above keeps two threads out of one row.

  /// Rows, then the shape of one row.
  public let shape: [Int]
  private let storage: Storage
  private let rowLength: Int

  /// A buffer whose contents are not yet defined.
  ///
  /// - Parameter shape: `[N, …]`, the shape of the tensor to be.
  /// - Precondition: there is an axis, and no length is negative.
  public init(shape: [Int]) {
    precondition(
      !shape.isEmpty && shape.allSatisfy { $0 >= 0 },
      "a batch needs a first axis and lengths of 0 or more, got \(shape)")
    self.shape = shape
    rowLength = shape.dropFirst().reduce(1, *)
    storage = Storage(count: shape[0] * rowLength)
  }

  /// Lets `body` write one row, in row-major order; the buffer is valid only during the call.
  ///
  /// - Precondition: the row is in 0..<N.
  public func withRow<Result>(
    _ row: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) rethrows -> Result {
    precondition(0 <= row && row < shape[0], "row \(row) of \(shape[0])")
    return try withExtendedLifetime(self) {
      try body(
        UnsafeMutableBufferPointer(start: storage.pointer + row * rowLength, count: rowLength))
    }
  }

  /// The batch, in this buffer's own memory: a buffer that is filled again changes it.
  public var tensor: Tensor { Tensor(shape: shape, storage: storage) }

  /// Copies of some rows, in the order given, `[rows.count, …]`.
  public func tensor(rows: [Int]) -> Tensor { selectedRows(tensor, rows) }
}
