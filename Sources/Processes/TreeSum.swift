import FileSupport

extension Communicator {
  /// Replaces numbers by their sums over all ranks, with the same bits on every rank.
  ///
  /// Element by element the sum is a fixed binary tree, ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)),
  /// so that a process that sums the aligned half of a tree by itself changes nothing. Every rank
  /// sums one piece of the numbers (exchange, tree, gather), which moves as many bytes as a ring
  /// does; few numbers go to all ranks at once, which waits once in place of twice.
  ///
  /// - Parameter values: As many on every rank.
  /// - Throws: `ProcessCountError` where the number of processes is no power of two.
  public func sum(_ values: UnsafeMutableBufferPointer<Float>) throws {
    guard size > 1, !values.isEmpty else { return }
    guard size.nonzeroBitCount == 1 else {
      throw ProcessCountError(size: size, allowed: ProcessCountError.powersOfTwo(around: size))
    }
    try TreeSum(ranks: self).sum(values)
  }
}

/// Sums over ranks by a fixed binary tree.
struct TreeSum<Ranks: Communicator> {
  let ranks: Ranks
  /// How many numbers of all ranks together are sent to all: what a message costs by itself.
  var smallCount = 16 << 10
  /// How many numbers are in work at a time, which bounds the memory: 64 MiB beside the caller's.
  var bucketCount = 8 << 20

  /// Replaces numbers by their sums.
  func sum(_ values: UnsafeMutableBufferPointer<Float>) throws {
    guard values.count * ranks.size > smallCount else { return try sumAtOnce(values) }
    var start = 0
    while start < values.count {
      let end = min(start + bucketCount, values.count)
      try sumBucket(.init(rebasing: values[start..<end]))
      start = end
    }
  }

  /// Every rank gets everything and sums it by itself.
  func sumAtOnce(_ values: UnsafeMutableBufferPointer<Float>) throws {
    try withFloats(values.count * ranks.size) { all in
      try ranks.gather(.init(values), into: .init(all))
      Self.reduce(all, pieces: ranks.size)
      _ = values.update(fromContentsOf: all.prefix(values.count))
    }
  }

  /// Every rank sums one piece and sends the sums to all.
  func sumBucket(_ values: UnsafeMutableBufferPointer<Float>) throws {
    let piece = (values.count + ranks.size - 1) / ranks.size
    let padded = piece * ranks.size
    try withFloats(padded) { received in
      if padded == values.count {
        try exchangeAndSum(values, received, piece: piece)
      } else {
        try withFloats(padded) { whole in
          whole.baseAddress?.update(repeating: 0, count: padded)
          _ = whole.update(fromContentsOf: values)
          try exchangeAndSum(whole, received, piece: piece)
          _ = values.update(fromContentsOf: whole.prefix(values.count))
        }
      }
    }
  }

  private func exchangeAndSum(
    _ values: UnsafeMutableBufferPointer<Float>, _ received: UnsafeMutableBufferPointer<Float>,
    piece: Int
  ) throws {
    try ranks.exchange(.init(values), into: .init(received))
    Self.reduce(received, pieces: ranks.size)
    let sums = UnsafeBufferPointer(rebasing: received[..<piece])
    try ranks.gather(UnsafeRawBufferPointer(sums), into: .init(values))
  }

  /// Sums pieces of equal length by the tree; the sums are the first piece.
  ///
  /// Columns of a few thousand numbers are finished one after the other, so that they stay in the
  /// processor's cache.
  static func reduce(_ numbers: UnsafeMutableBufferPointer<Float>, pieces: Int) {
    let length = numbers.count / pieces
    guard length > 0, let base = numbers.baseAddress else { return }
    let column = 2048
    var start = 0
    while start < length {
      let count = min(column, length - start)
      var distance = 1
      while distance < pieces {
        for left in stride(from: 0, to: pieces, by: 2 * distance) {
          let sums = base + left * length + start
          let others = base + (left + distance) * length + start
          for index in 0..<count { sums[index] += others[index] }
        }
        distance *= 2
      }
      start += count
    }
  }

  private func withFloats(_ count: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void)
    rethrows
  {
    let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { floats.deallocate() }
    try body(floats)
  }
}
