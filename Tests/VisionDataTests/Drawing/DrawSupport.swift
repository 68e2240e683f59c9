import CounterRandom
import Testing

/// Expects a count of independent events within five standard deviations of its mean.
func expectCount(
  _ count: Int, of total: Int, probability: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let mean = Double(total) * probability
  let deviation = (mean * (1 - probability)).squareRoot()
  #expect(
    abs(Double(count) - mean) <= 5 * deviation, "\(what): \(count) of \(total), not \(mean)",
    sourceLocation: sourceLocation)
}

/// A stream of test numbers.
func stream(_ sample: Int, _ epoch: Int = 0) -> RandomStream {
  RandomStream(seed: 7, purpose: .test, epoch: epoch, sample: sample)
}
