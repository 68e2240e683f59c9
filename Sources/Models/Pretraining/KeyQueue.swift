import Layers
import TensorCore

/// The keys of earlier batches, oldest overwritten first.
///
/// Rows are keys of unit length, `[M, D]`; published files store the transpose.
final class KeyQueue {
  /// The keys.
  let keys: Tensor
  /// The row that the next key goes to.
  private(set) var position = 0

  /// A queue of random unit vectors.
  init(size: Int, keyLength: Int, name: String, initializer: Initializer) {
    keys = l2Normalized(initializer.normal([size, keyLength], key: name))
  }

  /// Puts a batch in place of the oldest keys.
  ///
  /// - Precondition: the batch divides the queue.
  func enqueue(_ batch: Tensor) {
    let (size, count) = (keys.shape[0], batch.shape[0])
    precondition(
      size % count == 0 && position % count == 0,
      "a batch of \(count) keys does not divide a queue of \(size)")
    writeRows(batch, into: keys, from: position)
    position = (position + count) % size
  }

  /// The keys as published files store them, one a column, `[D, M]`.
  var stored: Tensor { transposed(keys) }

  /// Takes over stored keys and the position; anything of another size is left alone.
  func restore(_ stored: [Float]?, position: [Float]?) {
    guard let stored, stored.count == keys.elementCount, let position = position?.first,
      let place = Int(exactly: position), (0..<keys.shape[0]).contains(place)
    else { return }
    let rows = transposed(Tensor(stored, shape: [keys.shape[1], keys.shape[0]]))
    keys.assign(rows)
    self.position = place
  }
}
