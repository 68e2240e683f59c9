import CounterRandom
import Testing

@Suite("Random streams")
struct RandomStreamTests {
  @Test("Philox gives the published blocks")
  func knownAnswers() {
    // The known answers of the generator's authors for Philox 4x32-10.
    #expect(
      Philox.block(counter: .zero, key: (0, 0))
        == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    #expect(
      Philox.block(
        counter: SIMD4(repeating: .max), key: (.max, .max))
        == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox.block(
        counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
        key: (0xA409_3822, 0x299F_31D0))
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test("Seed, purpose, epoch and sample each give other numbers, and equal ones the same")
  func keys() {
    func first(_ seed: UInt64, _ purpose: RandomPurpose, _ epoch: Int, _ sample: Int) -> UInt64 {
      var stream = RandomStream(seed: seed, purpose: purpose, epoch: epoch, sample: sample)
      return stream.next()
    }
    let base = first(1, .shuffle, 2, 3)
    #expect(first(1, .shuffle, 2, 3) == base)
    #expect(first(2, .shuffle, 2, 3) != base)
    #expect(first(1, .augmentation, 2, 3) != base)
    #expect(first(1, .shuffle, 3, 3) != base)
    #expect(first(1, .shuffle, 2, 4) != base)
    #expect(first(1, .shuffle, 2, 3 + 1 << 40) != base)
  }

  @Test("A permutation holds every number once, and all orders of three are about as frequent")
  func permutations() {
    var stream = RandomStream(seed: 5, purpose: .test)
    #expect(stream.permutation(1000).sorted() == Array(0..<1000))
    var counts: [[Int]: Int] = [:]
    for _ in 0..<6000 { counts[stream.permutation(3), default: 0] += 1 }
    #expect(counts.count == 6)
    // 1000 each; five deviations of a binomial are about 144.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 145 })
  }

  @Test("Means and deviations are those of the distributions")
  func distributions() {
    var stream = RandomStream(seed: 9, purpose: .test)
    let count = 40_000
    func moments(_ draw: (inout RandomStream) -> Double) -> (mean: Double, variance: Double) {
      let values = (0..<count).map { _ in draw(&stream) }
      let mean = values.reduce(0, +) / Double(count)
      return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count))
    }
    let uniform = moments { $0.uniformDouble() }
    #expect(abs(uniform.mean - 0.5) < 0.01 && abs(uniform.variance - 1.0 / 12) < 0.003)
    let normal = moments { $0.normal() }
    #expect(abs(normal.mean) < 0.03 && abs(normal.variance - 1) < 0.05)
    let beta = moments { $0.beta(0.8, 0.8) }
    #expect(abs(beta.mean - 0.5) < 0.01 && abs(beta.variance - 0.25 / 2.6) < 0.004)
    // Numbers of so small a shape are less than any above 0; their share is 0 or 1 but for rounding.
    for shape in [1e-3, 1e-10] {
      let beta = moments { $0.beta(shape, shape) }
      #expect(abs(beta.mean - 0.5) < 0.01 && abs(beta.variance - 0.25 / (2 * shape + 1)) < 0.004)
    }
    let gamma = moments { $0.gamma(shape: 2.5) }
    #expect(abs(gamma.mean - 2.5) < 0.05 && abs(gamma.variance - 2.5) < 0.15)
  }

  @Test("A bound is never reached and every number below it is")
  func bounds() {
    var stream = RandomStream(seed: 2, purpose: .test)
    let seen = Set((0..<2000).map { _ in stream.below(7) })
    #expect(seen == Set(0..<7))
  }
}
