import Foundation
import TensorCore
import TestSupport
import Testing

/// The attention that tokens receive, against probabilities written out in double precision.
@Suite("Attention received", .timeLimit(.minutes(5)))
struct AttentionReceivedTests {
  private static let channels = 6, heads = 2

  private static func tensor(_ name: String, _ shape: [Int]) -> Tensor {
    DeterministicFill.tensor("received.\(name)", shape)
  }

  private static func weights(window: Int?) -> AttentionWeights {
    AttentionWeights(
      normWeight: tensor("nw", [channels]), normBias: tensor("nb", [channels]), epsilon: 1e-5,
      qkvWeight: tensor("qw", [3 * channels, channels]), qkvBias: tensor("qb", [3 * channels]),
      projectionWeight: tensor("pw", [channels, channels]),
      projectionBias: tensor("pb", [channels]),
      biasTable: window.map { tensor("table", [(2 * $0 - 1) * (2 * $0 - 1), heads]) },
      biasIndex: window.map(WindowGeometry.relativePositionIndex) ?? [], headCount: heads)
  }

  /// `[slots][slots]` of one window and head; rows of padding slots, too.
  private static func probabilities(
    _ x: Tensor, _ w: AttentionWeights, _ geometry: WindowGeometry, image: Int, window: Int,
    head: Int
  ) -> [[Double]] {
    let (slots, size) = (geometry.slotCount, channels / heads)
    let normalized = layerNorm(x, weight: w.normWeight, bias: w.normBias, epsilon: w.epsilon).values
    let held = geometry.tokens[window * slots..<(window + 1) * slots].map { Int($0) }
    func project(_ slot: Int, _ part: Int) -> [Double] {
      (0..<size).map { i in
        let row = part * channels + head * size + i
        let bias = Double(w.qkvBias.values[row])
        guard held[slot] >= 0 else { return bias }
        let at = (image * geometry.tokenCount + held[slot]) * channels
        return (0..<channels).reduce(bias) {
          $0 + Double(w.qkvWeight.values[row * channels + $1]) * Double(normalized[at + $1])
        }
      }
    }
    let keys = (0..<slots).map { project($0, 1) }
    return (0..<slots).map { i in
      let query = project(i, 0)
      var scores = keys.enumerated().map { j, key -> Double in
        var score =
          zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(size).squareRoot()
        if let table = w.biasTable {
          score += Double(table.values[Int(w.biasIndex[i * slots + j]) * heads + head])
        }
        let mask = geometry.maskIndices[window]
        return mask < 0 ? score : score + Double(geometry.masks[mask][i * geometry.rowLength + j])
      }
      let sum = scores.reduce(0) { $0 + exp($1) }
      scores = scores.map { exp($0) / sum }
      return scores
    }
  }

  @Test(
    "The mean over a window's tokens, also shifted and padded, adds up to 1 a window",
    arguments: [(4, 6, 2, 0), (4, 6, 2, 1), (5, 7, 3, 0), (5, 7, 3, 1)])
  func windows(height: Int, width: Int, window: Int, shift: Int) {
    let geometry = WindowGeometry.windows(
      height: height, width: width, window: window, shift: shift)
    let (tokens, w) = (height * width, Self.weights(window: window))
    let x = Self.tensor("x", [2, tokens, Self.channels])
    let received = attentionReceived(x, weights: w, geometry: geometry, from: .window)
    #expect(received.shape == [2, Self.heads, tokens])
    var expected = [Double](repeating: -1, count: received.elementCount)
    for image in 0..<2 {
      for head in 0..<Self.heads {
        for number in 0..<geometry.windowCount {
          let rows = Self.probabilities(
            x, w, geometry, image: image, window: number, head: head)
          let held = (0..<geometry.slotCount).map {
            Int(geometry.tokens[number * geometry.slotCount + $0])
          }
          let asking = held.indices.filter { held[$0] >= 0 }
          for slot in asking {
            expected[(image * Self.heads + head) * tokens + held[slot]] =
              asking.reduce(0) { $0 + rows[$1][slot] } / Double(asking.count)
          }
          let total = asking.reduce(0) {
            $0 + Double(received.values[(image * Self.heads + head) * tokens + held[$1]])
          }
          let isPadded = asking.count < held.count
          // Padding receives its part, but not from beyond the border of a shift.
          let isLess = isPadded && shift == 0
          #expect(isLess ? total < 0.9999 : total < 1.00001, "\(total)")
          #expect(isPadded || abs(total - 1) < 1e-5, "\(total)")
        }
      }
    }
    expectClose(received.values, expected, relative: 1e-5, absolute: 1e-6)
    #expect(
      withThreadCount(1) {
        attentionReceived(x, weights: w, geometry: geometry, from: .window).values
      } == received.values)
  }

  @Test("One token's row of global attention adds up to 1")
  func token() {
    let (x, w) = (Self.tensor("x", [3, 11, Self.channels]), Self.weights(window: nil))
    let geometry = WindowGeometry.global(tokenCount: 11)
    for token in [0, 4] {
      let received = attentionReceived(x, weights: w, geometry: geometry, from: .token(token))
      for image in 0..<3 {
        for head in 0..<Self.heads {
          let at = (image * Self.heads + head) * 11
          let row = Self.probabilities(x, w, geometry, image: image, window: 0, head: head)[token]
          let own = Array(received.values[at..<at + 11])
          expectClose(own, row, relative: 1e-5, absolute: 1e-6)
          #expect(abs(own.reduce(0, +) - 1) < 1e-5)
        }
      }
    }
  }
}
