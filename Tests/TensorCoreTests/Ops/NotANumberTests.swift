import TensorCore
import TestSupport
import Testing

/// A broken network must be seen at its end: no operation may turn NaN into a number.
@Suite("NaN through the operations", .timeLimit(.minutes(5)))
struct NotANumberTests {
  /// Numbers with one NaN in the first row.
  private func broken(_ shape: [Int], at place: Int) -> Tensor {
    var values = DeterministicFill.tensor("broken", shape).values
    values[place] = .nan
    return Tensor(values, shape: shape)
  }

  // Whole vectors and the tail of one take different instructions.
  @Test("A rectified batch norm keeps NaN, in training and at test", arguments: [5, 16, 40])
  func batchNorm(columns: Int) {
    for place in [0, columns - 1] {
      for training in [false, true] {
        let out = TensorCore.batchNorm(
          broken([6, columns], at: place), weight: nil, bias: nil,
          statistics: RunningStatistics(channelCount: columns), training: training, epsilon: 1e-5,
          momentum: 0.1, rectified: true
        ).values
        #expect(out[place].isNaN)
        #expect(out[columns + (place + 1) % columns].isFinite)
      }
    }
  }

  @Test("Rectifiers keep NaN, and their gradients let it pass")
  func rectifier() {
    let x = broken([2, 19], at: 4)
    x.requiresGradient = true
    let y = relu(x)
    #expect(y.values[4].isNaN)
    rowSum(y).backward()
    #expect(x.gradient?.values[4] == 1)
  }

  private func rowSum(_ x: Tensor) -> Tensor {
    linear(
      x.reshaped(to: [1, x.elementCount]),
      weight: Tensor(repeating: 1, shape: [1, x.elementCount]), bias: Tensor(zeros: [1])
    ).reshaped(to: [1])
  }

  @Test("A rectified convolution by Winograd's transform keeps NaN", arguments: [1, 32])
  func convolution(outputs: Int) {
    let x = broken([1, 9, 11, 4], at: 4 * (4 * 11 + 5))
    let weight = DeterministicFill.tensor("weight", [outputs, 4, 3, 3])
    let out = withoutGradients {
      convolution3x3(x, weight: weight, bias: Tensor(zeros: [outputs]), rectified: true)
    }
    #expect(out.values[(4 * 11 + 5) * outputs..<(4 * 11 + 6) * outputs].allSatisfy { $0.isNaN })
  }

  @Test("Softmax and cross-entropy of a row with NaN are none", arguments: [3, 16, 21])
  func softmaxes(classes: Int) {
    for place in [0, classes - 1] {
      let x = broken([2, classes], at: place)
      let out = softmax(x).values
      #expect(out[..<classes].allSatisfy { $0.isNaN } && out[classes...].allSatisfy { $0.isFinite })
      let right = (place + 1) % classes
      #expect(crossEntropy(x, targets: [right, 0]).item.isNaN)
      #expect(crossEntropy(x, targets: [right, 0], ignoring: 255).item.isNaN)
    }
  }
}
