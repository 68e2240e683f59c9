import CounterRandom
import TensorCore
import TestSupport
import Testing

/// A tensor of test numbers; the name keeps it apart from the others.
private func tensor(_ name: String, _ shape: [Int], bound: Float = 1, centre: Float = 0) -> Tensor {
  DeterministicFill.tensor("dense.\(name)", shape, bound: bound, centre: centre)
}

@Suite("Gradients of dense operations against differences", .serialized, .timeLimit(.minutes(5)))
struct DenseGradientTests {
  @Test("Convolutions")
  func convolutions() {
    let (x, b) = (tensor("x", [2, 5, 6, 7]), tensor("bias", [4]))
    let w = tensor("w", [4, 7, 3, 3])
    expectGradientsMatch([x, w, b]) { convolution3x3(x, weight: w, bias: b) }
    expectGradientsMatch([x, w]) { convolution3x3(x, weight: w, bias: nil) }
    let transposed = tensor("t", [7, 4, 2, 2])
    expectGradientsMatch([x, transposed, b]) {
      convolutionTransposed2x2(x, weight: transposed, bias: b)
    }
    expectGradientsMatch([x, transposed]) {
      convolutionTransposed2x2(x, weight: transposed, bias: nil)
    }
  }

  @Test("Sampling of maps")
  func maps() {
    let x = tensor("x", [2, 5, 6, 19])
    expectGradientsMatch([x]) { subsampled(x) }
    expectGradientsMatch([x]) { subsampled(x, stride: 3) }
    expectGradientsMatch([x]) { adaptiveAveragePooled(x, height: 3, width: 4) }
    // Far from ties, where the largest of four changes hands.
    let apart = Tensor(
      (0..<2 * 5 * 6 * 3).map { Float(($0 * 7919) % 181) * 0.1 }, shape: [2, 5, 6, 3])
    apart.requiresGradient = true
    expectGradientsMatch([apart]) { maxPooled2x2(apart) }
    let pooled = maxPooled2x2(apart)
    #expect(pooled.shape == [2, 3, 3, 3])
    // The last row stands alone.
    let values = apart.values
    let row = 4 * 6 * 3
    #expect(pooled.values[2 * 3 * 3 + 1] == max(values[row + 1], values[row + 3 + 1]))
    for corners in [false, true] {
      expectGradientsMatch([x]) { bilinearResized(x, height: 9, width: 4, alignCorners: corners) }
    }
    expectGradientsMatch([x]) { nearestResized(x, height: 9, width: 4) }
    let regions = [
      Region(image: 1, x1: 1, y1: 2, x2: 9, y2: 8), Region(image: 0, x1: -3, y1: 1, x2: 5, y2: 30),
    ]
    expectGradientsMatch([x]) {
      regionAligned(x, regions: regions, height: 2, width: 3, spatialScale: 0.5)
    }
    let wide = tensor("wide", [1, 4, 4, 70])
    expectGradientsMatch([wide]) {
      regionAligned(
        wide, regions: [Region(image: 0, x1: 0, y1: 0, x2: 4, y2: 3)], height: 2, width: 2,
        spatialScale: 1)
    }
  }

  @Test("Channels and rows")
  func channels() {
    let (a, b) = (tensor("a", [2, 3, 5]), tensor("b", [2, 3, 18]))
    expectGradientsMatch([a, b]) { concatenatedChannels([b, a, b]) }
    expectGradientsMatch([a]) { gathered(a, rows: [1, 0, 1, 1]) }
    expectGradientsMatch([b]) {
      var stream = RandomStream(seed: 3, purpose: .dropout)
      return channelDropout(b, rate: 0.4, stream: &stream)
    }
  }

  @Test("Normalisation with a rectifier, over maps")
  func normalization() {
    let (x, w, b) = (tensor("x", [2, 3, 4, 19]), tensor("w", [19]), tensor("bias", [19]))
    for training in [true, false] {
      // A small step, so that few differences cross the corner.
      expectGradientsMatch([x, w, b], step: 1e-3, tolerance: 8e-3) {
        batchNorm(
          x, weight: w, bias: b, statistics: RunningStatistics(channelCount: 19),
          training: training, epsilon: 1e-5, momentum: 0.1, rectified: true)
      }
    }
  }

  @Test("Losses")
  func losses() {
    let x = tensor("x", [5, 9], bound: 2)
    let (targets, weights) = (tensor("t", [5, 9]), tensor("w", [5, 9], bound: 0.5, centre: 0.5))
    expectGradientsMatch([x]) { crossEntropy(x, targets: [0, 8, 255, 3, 1], ignoring: 255) }
    expectGradientsMatch([x]) {
      binaryCrossEntropyWithLogits(x, targets: weights, weights: weights, normalizer: 3)
    }
    expectGradientsMatch([x]) { smoothL1Loss(x, targets: targets, beta: 0.5, normalizer: 3) }
    // Away from the corner, where differences mean something.
    let apart = Tensor(
      zip(x.values, targets.values).map { abs($0 - $1) < 0.05 ? $0 + 0.2 : $0 }, shape: x.shape)
    expectGradientsMatch([apart]) {
      l1Loss(apart, targets: targets, weights: weights, normalizer: 3)
    }
    let deltas = tensor("deltas", [4, 4])
    let proposals = (0..<4).map { SIMD4<Float>(Float($0), 1, Float(2 * $0) + 4, 6) }
    expectGradientsMatch([deltas]) {
      BoxCoder(deviations: SIMD4(0.1, 0.1, 0.2, 0.2)).decoded(proposals: proposals, deltas: deltas)
    }
    expectGradientsMatch([deltas]) {
      generalizedIoULoss(
        BoxCoder().decoded(proposals: proposals, deltas: deltas), targets: proposals.reversed(),
        normalizer: 2)
    }
  }

  @Test("Channel dropout drops whole channels at its rate and keeps the mean")
  func dropout() {
    let x = Tensor(repeating: 1, shape: [40, 3, 50])
    var stream = RandomStream(seed: 5, purpose: .dropout)
    let y = channelDropout(x, rate: 0.1, stream: &stream).values
    var dropped = 0
    for image in 0..<40 {
      for channel in 0..<50 {
        let values = (0..<3).map { y[(image * 3 + $0) * 50 + channel] }
        #expect(Set(values).count == 1 && (values[0] == 0 || values[0] == 1 / (1 - Float(0.1))))
        if values[0] == 0 { dropped += 1 }
      }
    }
    // 2000 draws: 200 expected, deviation 13.4.
    #expect(abs(dropped - 200) < 60)
    #expect(channelDropout(x, rate: 0, stream: &stream) === x)
  }
}
