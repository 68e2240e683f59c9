import CounterRandom

/// The order in which an epoch shows a data set: positions, each once.
///
/// Depends on seed and epoch alone, so a run that goes on knows what it has seen.
public func epochOrder(count: Int, seed: UInt64, epoch: Int) -> [Int] {
  var stream = RandomStream(seed: seed, purpose: .shuffle, epoch: epoch)
  return stream.permutation(count)
}
