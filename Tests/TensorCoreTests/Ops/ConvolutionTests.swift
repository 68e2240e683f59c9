import TensorCore
import TestSupport
import Testing

/// A 3x3 convolution from its definition, in double precision: the truth of the fast one.
struct DirectConvolution {
  let batch, height, width, inputs, outputs: Int

  init(_ x: Tensor, _ weight: Tensor) {
    (batch, height, width) = (x.shape[0], x.shape[1], x.shape[2])
    (inputs, outputs) = (weight.shape[1], weight.shape[0])
  }

  /// Calls `body` with an output pixel, an input pixel and the tap that joins them.
  private func forEachTap(_ body: (_ output: Int, _ input: Int, _ tap: Int) -> Void) {
    for image in 0..<batch {
      for row in 0..<height {
        for column in 0..<width {
          for tap in 0..<9 {
            let (y, x) = (row + tap / 3 - 1, column + tap % 3 - 1)
            guard 0 <= y && y < height && 0 <= x && x < width else { continue }
            body(
              (image * height + row) * width + column, (image * height + y) * width + x, tap)
          }
        }
      }
    }
  }

  /// The weight as `[tap][input][output]`.
  private func taps(_ weight: Tensor) -> [Double] {
    var taps = [Double](repeating: 0, count: weight.elementCount)
    for o in 0..<outputs {
      for i in 0..<inputs {
        for tap in 0..<9 {
          taps[(tap * inputs + i) * outputs + o] =
            Double(weight.pointer[(o * inputs + i) * 9 + tap])
        }
      }
    }
    return taps
  }

  func output(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> [Double] {
    let (taps, values) = (taps(weight), x.values.map(Double.init))
    var y = (0..<batch * height * width).flatMap { _ in bias.values.map(Double.init) }
    y.withUnsafeMutableBufferPointer { y in
      taps.withUnsafeBufferPointer { taps in
        forEachTap { output, input, tap in
          for i in 0..<inputs {
            let value = values[input * inputs + i]
            let row = (tap * inputs + i) * outputs
            for o in 0..<outputs { y[output * outputs + o] += value * taps[row + o] }
          }
        }
      }
    }
    return y
  }

  func inputGradient(_ weight: Tensor, _ dy: Tensor) -> [Double] {
    let (taps, gradient) = (taps(weight), dy.values.map(Double.init))
    var dx = [Double](repeating: 0, count: batch * height * width * inputs)
    forEachTap { output, input, tap in
      for i in 0..<inputs {
        var sum = 0.0
        let row = (tap * inputs + i) * outputs
        for o in 0..<outputs { sum += taps[row + o] * gradient[output * outputs + o] }
        dx[input * inputs + i] += sum
      }
    }
    return dx
  }

  func weightGradient(_ x: Tensor, _ dy: Tensor) -> [Double] {
    let (values, gradient) = (x.values.map(Double.init), dy.values.map(Double.init))
    var dw = [Double](repeating: 0, count: outputs * inputs * 9)
    forEachTap { output, input, tap in
      for o in 0..<outputs {
        let g = gradient[output * outputs + o]
        for i in 0..<inputs { dw[(o * inputs + i) * 9 + tap] += g * values[input * inputs + i] }
      }
    }
    return dw
  }
}

@Suite("Convolution", .serialized, .timeLimit(.minutes(5)))
struct ConvolutionTests {
  /// Largest error over the largest value.
  private func error(_ actual: [Float], _ expected: [Double]) -> Double {
    #expect(actual.count == expected.count)
    let scale = expected.reduce(1e-30) { max($0, abs($1)) }
    return zip(actual, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / scale
  }

  @Test(
    "The fast convolution and both its gradients agree with the definition",
    arguments: [
      // Sides that are and are not multiples of the tile, one pixel, many images.
      [1, 8, 12, 32, 32], [2, 7, 9, 32, 64], [1, 1, 1, 32, 32], [3, 1, 6, 40, 24],
      [5, 14, 14, 64, 64],
      // Several rounds of input channels, the last one short.
      [1, 10, 6, 544, 64],
      // More tiles than one block holds.
      [1, 97, 94, 32, 32],
    ])
  func agreement(shape: [Int]) {
    let (inputs, outputs) = (shape[3], shape[4])
    let x = DeterministicFill.tensor("conv.x\(shape)", Array(shape[0..<4]))
    let weight = DeterministicFill.tensor("conv.w\(shape)", [outputs, inputs, 3, 3])
    let bias = DeterministicFill.tensor("conv.b\(shape)", [outputs])
    let inputsOfGradient = [x, weight, bias]
    for input in inputsOfGradient { input.requiresGradient = true }
    let y = convolution3x3(x, weight: weight, bias: bias)
    #expect(y.shape == shape[0..<3] + [outputs])
    let dy = DeterministicFill.tensor("conv.dy\(shape)", y.shape)
    y.backward(dy)
    let truth = DirectConvolution(x, weight)
    // The stated error, with as much again for luck.
    #expect(error(y.values, truth.output(x, weight, bias)) < 6e-6)
    #expect(error(x.gradient?.values ?? [], truth.inputGradient(weight, dy)) < 6e-6)
    #expect(error(weight.gradient?.values ?? [], truth.weightGradient(x, dy)) < 6e-6)
  }

  @Test("Positive inputs with a large mean stay accurate")
  func offsetInputs() {
    let x = DeterministicFill.tensor("conv.offset", [1, 16, 16, 256], bound: 0.5, centre: 8)
    let weight = DeterministicFill.tensor("conv.offset.w", [32, 256, 3, 3])
    let bias = Tensor(zeros: [32])
    let truth = DirectConvolution(x, weight).output(x, weight, bias)
    #expect(error(convolution3x3(x, weight: weight, bias: bias).values, truth) < 1e-5)
  }

  @Test("A filter of one central tap copies the map, and a rectifier cuts it at 0")
  func identity() {
    let x = DeterministicFill.tensor("conv.identity", [1, 6, 7, 32])
    let weight = Tensor(zeros: [32, 32, 3, 3])
    for channel in 0..<32 { weight.pointer[(channel * 32 + channel) * 9 + 4] = 1 }
    let copy = convolution3x3(x, weight: weight, bias: nil).values
    #expect(error(copy, x.values.map(Double.init)) < 2e-6)
    let cut = convolution3x3(x, weight: weight, bias: nil, rectified: true).values
    #expect(cut == copy.map { max($0, 0) })
  }

  @Test("A map without images gives a map without images")
  func empty() {
    let weight = DeterministicFill.tensor("conv.empty", [32, 32, 3, 3])
    weight.requiresGradient = true
    let y = convolution3x3(Tensor(zeros: [0, 14, 14, 32]), weight: weight, bias: nil)
    #expect(y.shape == [0, 14, 14, 32])
    y.backward(Tensor(zeros: y.shape))
    #expect(weight.gradient?.values.allSatisfy { $0 == 0 } == true)
  }
}
