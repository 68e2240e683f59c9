import TensorCore
import TestSupport
import Testing
import Threads

@Suite("Threads", .serialized, .timeLimit(.minutes(5)))
struct ThreadTests {
  /// An operation on inputs large enough to be cut into several blocks or panels.
  struct Job: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let shapes: [[Int]]
    let body: @Sendable ([Tensor]) -> Tensor
  }

  static let jobs: [Job] = [
    Job(testDescription: "linear", shapes: [[700, 96], [130, 96], [130]]) {
      linear($0[0], weight: $0[1], bias: $0[2])
    },
    Job(testDescription: "matmul", shapes: [[300, 70], [70, 900]]) { matmul($0[0], $0[1]) },
    Job(testDescription: "layerNorm", shapes: [[900, 96], [96], [96]]) {
      layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 1e-5)
    },
    Job(testDescription: "batchNorm", shapes: [[900, 96], [96], [96]]) {
      batchNorm(
        $0[0], weight: $0[1], bias: $0[2], statistics: RunningStatistics(channelCount: 96),
        training: true, epsilon: 1e-5, momentum: 0.1)
    },
    Job(testDescription: "gelu", shapes: [[50_000]]) { gelu($0[0]) },
    Job(testDescription: "softmax", shapes: [[900, 70]]) { softmax($0[0]) },
    Job(testDescription: "patchMergingGather", shapes: [[3, 15 * 17, 40]]) {
      patchMergingGather($0[0], height: 15, width: 17)
    },
    Job(testDescription: "meanPooled", shapes: [[7, 49, 96]]) { meanPooled($0[0]) },
    Job(testDescription: "patchEmbedding", shapes: [[48, 3, 4, 4], [48]]) {
      let images = DeterministicFill.tensor("threads.images", [3, 3, 66, 61])
      return patchEmbedding(images, weight: $0[0], bias: $0[1])
    },
    Job(
      testDescription: "window attention",
      shapes: [[3, 19 * 24, 36], [36], [36], [108, 36], [108], [36, 36], [36], [169, 3]]
    ) {
      attentionBlock(
        $0[0], weights: attentionWeights($0, epsilon: 1e-5, heads: 3),
        geometry: .windows(height: 19, width: 24, window: 7, shift: 3))
    },
    Job(
      testDescription: "global attention",
      shapes: [[5, 197, 36], [36], [36], [108, 36], [108], [36, 36], [36]]
    ) {
      attentionBlock(
        $0[0], weights: attentionWeights($0, epsilon: 1e-6, heads: 3),
        geometry: .global(tokenCount: 197))
    },
    Job(
      testDescription: "MLP",
      shapes: [[2, 700, 36], [36], [36], [144, 36], [144], [36, 144], [36]]
    ) {
      mlpBlock(
        $0[0],
        weights: MLPWeights(
          normWeight: $0[1], normBias: $0[2], epsilon: 1e-5, hiddenWeight: $0[3],
          hiddenBias: $0[4], outputWeight: $0[5], outputBias: $0[6]))
    },
  ]

  /// Convolutions with several blocks of tiles and rounds of channels, and the other operations
  /// on maps.
  static let denseJobs: [Job] = [
    Job(testDescription: "convolution of many tiles", shapes: [[1, 95, 98, 32], [32, 32, 3, 3]]) {
      convolution3x3($0[0], weight: $0[1], bias: nil)
    },
    Job(
      testDescription: "convolution of many channels",
      shapes: [[3, 9, 10, 288], [64, 288, 3, 3], [64]]
    ) { convolution3x3($0[0], weight: $0[1], bias: $0[2], rectified: true) },
    Job(
      testDescription: "convolutionTransposed2x2", shapes: [[9, 7, 7, 48], [48, 40, 2, 2], [40]]
    ) { convolutionTransposed2x2($0[0], weight: $0[1], bias: $0[2]) },
    Job(testDescription: "bilinearResized", shapes: [[2, 9, 11, 40]]) {
      bilinearResized($0[0], height: 31, width: 40)
    },
    Job(testDescription: "nearestResized", shapes: [[2, 9, 11, 40]]) {
      nearestResized($0[0], height: 31, width: 40)
    },
    Job(testDescription: "adaptiveAveragePooled", shapes: [[2, 16, 22, 40]]) {
      adaptiveAveragePooled($0[0], height: 6, width: 6)
    },
    Job(testDescription: "regionAligned", shapes: [[2, 20, 20, 96]]) {
      let regions = (0..<40).map { index in
        let at = Float(index)
        return Region(image: index % 2, x1: at, y1: 2, x2: 40 + at, y2: 30 + at)
      }
      return regionAligned($0[0], regions: regions, height: 7, width: 7, spatialScale: 0.25)
    },
    Job(testDescription: "concatenatedChannels", shapes: [[900, 30], [900, 50]]) {
      concatenatedChannels($0)
    },
    Job(testDescription: "pixel cross-entropy", shapes: [[1200, 150]]) {
      crossEntropy($0[0], targets: (0..<1200).map { $0 % 151 }, ignoring: 150, normalizer: 1200)
    },
    Job(testDescription: "smoothL1Loss", shapes: [[40_000]]) {
      smoothL1Loss($0[0], targets: Tensor(zeros: [40_000]), beta: 0.1, normalizer: 3)
    },
  ]

  private static func attentionWeights(
    _ inputs: [Tensor], epsilon: Float, heads: Int
  ) -> AttentionWeights {
    AttentionWeights(
      normWeight: inputs[1], normBias: inputs[2], epsilon: epsilon, qkvWeight: inputs[3],
      qkvBias: inputs[4], projectionWeight: inputs[5], projectionBias: inputs[6],
      biasTable: inputs.count > 7 ? inputs[7] : nil,
      biasIndex: inputs.count > 7 ? WindowGeometry.relativePositionIndex(window: 7) : [],
      headCount: heads)
  }

  @Test("One thread and two give the same bits, forward and backward", arguments: jobs + denseJobs)
  func sameBits(job: Job) {
    let inputs = job.shapes.enumerated().map { index, shape in
      DeterministicFill.tensor("threads.\(job.testDescription).\(index)", shape)
    }
    func run(threads: Int) -> [[UInt32]] {
      withThreadCount(threads) {
        for input in inputs {
          input.requiresGradient = true
          input.gradient = nil
        }
        let out = job.body(inputs)
        out.backward(DeterministicFill.tensor("threads.cotangent", out.shape))
        return ([out.values] + inputs.map { $0.gradient?.values ?? [] }).map { values in
          values.map(\.bitPattern)
        }
      }
    }
    let one = run(threads: 1)
    #expect(one.allSatisfy { !$0.isEmpty })
    for _ in 0..<3 { #expect(run(threads: 2) == one) }
  }
}
