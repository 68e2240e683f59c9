/// What a stream of random numbers is for; two purposes never share numbers.
public enum RandomPurpose: UInt32, Sendable {
  case initialization = 1
  case shuffle, augmentation, dropPath, dropout, sampling, mixing, sampleSet
  case bootstrap, queue, test, permutation, simulation
}

/// A counter-based random number generator (Philox 4x32-10).
///
/// The numbers are a pure function of the key (seed, purpose) and the counter (epoch, sample,
/// position). There is no state to save: a resumed run, or one with other thread counts, draws
/// the same numbers for the same sample.
///
/// Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, section 3.3.
public struct RandomStream: RandomNumberGenerator, Sendable {
  private let key: (UInt32, UInt32)
  private let epoch: UInt32
  private let sample: (UInt32, UInt32)
  private var block: UInt32 = 0
  private var buffer: SIMD4<UInt32> = .zero
  private var used = 4

  /// Opens the stream of one purpose, epoch and sample.
  ///
  /// - Parameters:
  ///   - seed: The run's seed; its 64 bits and the purpose make the key.
  ///   - purpose: What the numbers are for.
  ///   - epoch: Epoch or step, 0...2³²-1.
  ///   - sample: Index of the sample, image or parameter, 0...2⁶⁴-1.
  public init(seed: UInt64, purpose: RandomPurpose, epoch: Int = 0, sample: Int = 0) {
    // The purpose is mixed into the key by a golden-ratio multiple so that seeds 1, 2, 3 with
    // purposes 1, 2, 3 cannot meet.
    let mixed = seed ^ (UInt64(purpose.rawValue) &* 0x9E37_79B9_7F4A_7C15)
    key = (UInt32(truncatingIfNeeded: mixed), UInt32(truncatingIfNeeded: mixed >> 32))
    self.epoch = UInt32(truncatingIfNeeded: epoch)
    let bits = UInt64(bitPattern: Int64(sample))
    self.sample = (UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32))
  }

  /// The next 32 random bits.
  public mutating func next32() -> UInt32 {
    if used == 4 {
      buffer = Philox.block(
        counter: SIMD4(block, epoch, sample.0, sample.1), key: key)
      block &+= 1
      used = 0
    }
    defer { used += 1 }
    return buffer[used]
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let low = UInt64(next32())
    return low | UInt64(next32()) << 32
  }

  /// A uniform number in [0, 1) with 24 bits.
  public mutating func uniform() -> Float {
    Float(next32() >> 8) * 0x1p-24
  }

  /// A uniform number in [0, 1) with 53 bits.
  public mutating func uniformDouble() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A uniform number in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniformDouble()
  }

  /// A uniform integer in 0..<bound, without modulo bias.
  ///
  /// - Precondition: `bound > 0`.
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0, "below(_:) needs a positive bound, got \(bound)")
    return Int(next(upperBound: UInt64(bound)))
  }

  /// A random permutation of 0..<count (Fisher-Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    guard count > 1 else { return order }
    for last in stride(from: count - 1, through: 1, by: -1) {
      order.swapAt(last, below(last + 1))
    }
    return order
  }
}

/// The Philox 4x32 bijection with ten rounds.
public enum Philox {
  /// Encrypts one counter under one key into four random words.
  public static func block(counter: SIMD4<UInt32>, key: (UInt32, UInt32)) -> SIMD4<UInt32> {
    var c = counter
    var k = key
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) * UInt64(c[0])
      let p1 = UInt64(0xCD9E_8D57) * UInt64(c[2])
      c = SIMD4(
        UInt32(truncatingIfNeeded: p1 >> 32) ^ c[1] ^ k.0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ c[3] ^ k.1, UInt32(truncatingIfNeeded: p0))
      k.0 &+= 0x9E37_79B9
      k.1 &+= 0xBB67_AE85
    }
    return c
  }
}
