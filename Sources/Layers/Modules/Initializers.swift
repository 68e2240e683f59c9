import CounterRandom
import TensorCore

/// How the first values of a parameter are drawn.
///
/// Each parameter has a stream of its own, keyed by the seed and its key, so that adding a layer
/// does not change the values of the others.
public struct Initializer: Sendable {
  /// The run's seed.
  public let seed: UInt64
  private let isBlank: Bool

  /// Draws keyed by `seed`.
  public init(seed: UInt64) {
    self.seed = seed
    isBlank = false
  }

  /// Leaves every parameter at zero, for networks whose weights are about to be loaded.
  public static let blank = Initializer()

  private init() {
    seed = 0
    isBlank = true
  }

  private func stream(_ key: String) -> RandomStream {
    // FNV-1a: a stable hash, unlike Swift's own.
    let hash = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    return RandomStream(
      seed: seed, purpose: .initialization, sample: Int(bitPattern: UInt(truncatingIfNeeded: hash)))
  }

  /// Normal of deviation 0.02 cut off at ±2, as Swin and DeiT draw their linear weights.
  public func truncatedNormal(_ shape: [Int], key: String, deviation: Double = 0.02) -> Tensor {
    fill(shape, key) { Float($0.truncatedNormal(deviation: deviation, bound: 2)) }
  }

  /// Uniform in ±1/√fanIn, PyTorch's default for linear and convolution weights and biases.
  public func uniformFan(_ shape: [Int], key: String, fanIn: Int) -> Tensor {
    uniform(shape, key: key, bound: 1 / Double(fanIn).squareRoot())
  }

  /// Uniform in ±bound.
  public func uniform(_ shape: [Int], key: String, bound: Double) -> Tensor {
    fill(shape, key) { Float($0.uniform(-bound, bound)) }
  }

  /// Standard normal.
  public func normal(_ shape: [Int], key: String, deviation: Double = 1) -> Tensor {
    fill(shape, key) { Float($0.normal() * deviation) }
  }

  /// Uniform in ±√(6 / (fanIn + fanOut)), Xavier's rule.
  public func xavierUniform(_ shape: [Int], key: String, fanIn: Int, fanOut: Int) -> Tensor {
    let bound = (6 / Double(fanIn + fanOut)).squareRoot()
    return fill(shape, key) { Float($0.uniform(-bound, bound)) }
  }

  /// Normal of deviation √(2 / fanOut), He's rule for layers before a ReLU.
  public func heNormal(_ shape: [Int], key: String, fanOut: Int) -> Tensor {
    normal(shape, key: key, deviation: (2 / Double(fanOut)).squareRoot())
  }

  private func fill(
    _ shape: [Int], _ key: String, _ draw: (inout RandomStream) -> Float
  ) -> Tensor {
    if isBlank { return Tensor(zeros: shape) }
    let tensor = Tensor(uninitialized: shape)
    var stream = stream(key)
    let target = tensor.mutablePointer
    for i in 0..<tensor.elementCount { target[i] = draw(&stream) }
    return tensor
  }
}
