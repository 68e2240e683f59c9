import Foundation
import TensorCore
import TestSupport
import Testing

/// Operations without gradients against the same thing written out element by element.
@Suite("Moves of data and running means", .timeLimit(.minutes(5)))
struct DataOperationTests {
  private func filled(_ name: String, _ shape: [Int]) -> Tensor {
    DeterministicFill.tensor(name, shape)
  }

  @Test("Rows are picked, written and transposed")
  func rowMoves() {
    let x = Tensor((0..<20).map(Float.init), shape: [5, 2, 2])
    let picked = selectedRows(x, [4, 0, 4])
    #expect(picked.shape == [3, 2, 2])
    #expect(picked.values == [16, 17, 18, 19, 0, 1, 2, 3, 16, 17, 18, 19])
    let target = Tensor(zeros: [4, 2, 2])
    writeRows(Tensor(repeating: 3, shape: [2, 2, 2]), into: target, from: 1)
    #expect(target.values == [0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0])
    let matrix = Tensor((0..<6).map(Float.init), shape: [2, 3])
    #expect(transposed(matrix).shape == [3, 2])
    #expect(transposed(matrix).values == [0, 3, 1, 4, 2, 5])
  }

  @Test("Products of rows are the sums written out")
  func products() {
    // Small whole numbers: every order of the sums is exact.
    let a = (0..<70 * 9).map { Float($0 * 7 % 23 - 11) }
    let b = (0..<130 * 9).map { Float($0 * 5 % 19 - 9) }
    let got = rowProducts(Tensor(a, shape: [70, 9]), 3..<68, with: Tensor(b, shape: [130, 9]))
    #expect(got.shape == [65, 130])
    var expected: [Float] = []
    for row in 3..<68 {
      for other in 0..<130 {
        var sum: Float = 0
        for i in 0..<9 { sum += a[row * 9 + i] * b[other * 9 + i] }
        expected.append(sum)
      }
    }
    #expect(got.values == expected)
  }

  @Test("A centre is taken off, sharpened, and follows the means")
  func centre() {
    let (x, center) = (filled("x", [5, 19]), filled("centre", [1, 19]))
    let (rows, before) = (x.values, center.values)
    let sharp = centered(x, by: center, temperature: 0.07)
    #expect(sharp.values == rows.indices.map { (rows[$0] - before[$0 % 19]) / 0.07 })
    moveToColumnMeans(center, of: x, momentum: 0.9)
    #expect(
      center.values
        == before.indices.map { column in
          var sum: Float = 0
          for row in 0..<5 { sum += rows[row * 19 + column] }
          return 0.9 * before[column] + 0.1 * sum / 5
        })
  }

  @Test("A folded norm gives what the layer and the norm give after each other")
  func folding() {
    let (x, weight) = (filled("input", [7, 6]), filled("weight", [20, 6]))
    let (gain, offset) = (filled("gain", [20]), filled("offset", [20]))
    let statistics = RunningStatistics(channelCount: 20)
    statistics.mean.assign(filled("mean", [20]))
    statistics.variance.assign(filled("variance", [20]).values.map { abs($0) + 0.1 })
    for (norm, bias) in [(gain, offset), (nil, nil)] as [(Tensor?, Tensor?)] {
      let folded = foldedBatchNorm(
        weight, normWeight: norm, normBias: bias, statistics: statistics, epsilon: 1e-5)
      let expected = batchNorm(
        linear(x, weight: weight, bias: nil), weight: norm, bias: bias, statistics: statistics,
        training: false, epsilon: 1e-5, momentum: 0.1)
      expectClose(
        linear(x, weight: folded.weight, bias: folded.bias).values,
        expected.values.map(Double.init), relative: 1e-5, absolute: 1e-5, "folded")
    }
  }

  @Test("Probabilities are summed with the C library's exponential")
  func sigmoidSum() {
    let (total, x) = (filled("total", [3, 11]), filled("logits", [3, 11]))
    let expected = zip(total.values, x.values).map { $0 + 1 / (1 + exp(-$1)) }
    addSigmoid(x, to: total)
    #expect(total.values == expected)
  }

  @Test("Windows are cut out, added up and divided by how many there were")
  func windows() {
    let image = filled("image", [2, 3, 5, 7])
    let part = croppedPlanes(image, top: 2, left: 3, height: 3, width: 4)
    #expect(part.shape == [2, 3, 3, 4])
    let source = image.values
    var expected: [Float] = []
    for plane in 0..<6 {
      for y in 2..<5 { for x in 3..<7 { expected.append(source[(plane * 5 + y) * 7 + x]) } }
    }
    #expect(part.values == expected)
    let (sums, counts) = (Tensor(zeros: [1, 2, 5, 3]), Tensor(zeros: [1, 2, 5, 1]))
    let window = filled("window", [1, 2, 3, 3])
    for left in [0, 2] {
      addWindow(window, to: sums, top: 0, left: left)
      addWindow(Tensor(repeating: 1, shape: [1, 2, 3, 1]), to: counts, top: 0, left: left)
    }
    #expect(counts.values == [1, 1, 2, 1, 1, 1, 1, 2, 1, 1])
    dividePixels(sums, by: counts)
    let w = window.values
    for y in 0..<2 {
      for channel in 0..<3 {
        let row = (0..<3).map { w[(y * 3 + $0) * 3 + channel] }
        let mean = (0..<5).map { sums.values[(y * 5 + $0) * 3 + channel] }
        #expect(mean == [row[0], row[1], (row[2] + row[0]) / 2, row[1], row[2]])
      }
    }
  }
}
