import Foundation
import Threads

/// One pass's logits on their way to the original image's pixels.
///
/// They are resized twice, first to the network's input, then to the original image, each time
/// bilinearly; the two do not make one resize.
public struct SegmentationPass {
  /// `[1, h, w, K]`, at a quarter of the input or at the input's own size.
  public let logits: Tensor
  /// The network's input.
  public let height, width: Int
  /// Whether the input was mirrored.
  public let isFlipped: Bool

  /// Describes a pass.
  public init(logits: Tensor, height: Int, width: Int, isFlipped: Bool = false) {
    self.logits = logits
    self.height = height
    self.width = width
    self.isFlipped = isFlipped
  }
}

/// Turns the logits of one or more passes into a class for every pixel of the original image.
///
/// With several passes the probabilities are averaged, at the original size and mirrored back. Rows
/// are finished one at a time, so memory holds a few rows and not the whole class map, which for
/// 150 classes would be a gigabyte.
///
/// Source: mmsegmentation, `inference` and `aug_test`.
public enum ClassMap {
  /// Where one output position reads: two inputs and the weight of the second.
  private struct Taps {
    let first, second: [Int]
    let weight: [Float]

    /// PyTorch's rule without aligned corners, in single precision.
    init(from old: Int, to new: Int) {
      let ratio = Float(old) / Float(new)
      var (first, second, weight): ([Int], [Int], [Float]) = ([], [], [])
      for position in 0..<new {
        let source = max(0, ratio * (Float(position) + 0.5) - 0.5)
        let low = min(old - 1, Int(source))
        first.append(low)
        second.append(min(old - 1, low + 1))
        weight.append(source - Float(low))
      }
      (self.first, self.second, self.weight) = (first, second, weight)
    }
  }

  /// What stands where a pixel's numbers are none.
  public static let undefined: UInt8 = 255

  /// The class of every pixel, row-major; the lowest of equal ones, and `undefined` where one of
  /// them is NaN: a broken network has no class to say, least of all the first.
  ///
  /// - Parameters:
  ///   - height: Rows of the original image.
  ///   - width: Its columns.
  /// - Precondition: there is a pass, and all have the same classes, at most 255.
  public static func classes(_ passes: [SegmentationPass], height: Int, width: Int) -> [UInt8] {
    precondition(!passes.isEmpty, "a class map needs a pass")
    let classCount = passes[0].logits.shape[3]
    precondition(
      classCount <= 255 && passes.allSatisfy { $0.logits.shape[3] == classCount },
      "passes of one network with at most 255 classes are needed")
    var result = [UInt8](repeating: 0, count: height * width)
    let plans = passes.map { Plan($0, height: height, width: width) }
    let bandSize = 16
    result.withUnsafeMutableBufferPointer { result in
      // Each band has rows of its own.
      nonisolated(unsafe) let result = result
      nonisolated(unsafe) let plans = plans
      ThreadPool.shared.forEach((height + bandSize - 1) / bandSize) { band in
        var readers = plans.map { RowReader($0, classCount: classCount) }
        let sums = Tensor(uninitialized: [width, classCount])
        for y in band * bandSize..<min(height, (band + 1) * bandSize) {
          for index in readers.indices {
            readers[index].read(
              row: y, into: sums.pointer, adds: index > 0, asProbabilities: plans.count > 1)
          }
          for x in 0..<width {
            let values = sums.pointer + x * classCount
            var best = 0
            var isNumber = !values[0].isNaN
            for c in 1..<max(1, classCount) {
              if values[c] > values[best] { best = c }
              isNumber = isNumber && !values[c].isNaN
            }
            result[y * width + x] = isNumber ? UInt8(best) : undefined
          }
        }
      }
    }
    return result
  }

  private struct Plan {
    let pass: SegmentationPass
    let inputRows, inputColumns, rows, columns: Taps
    let width: Int

    init(_ pass: SegmentationPass, height: Int, width: Int) {
      self.pass = pass
      self.width = width
      inputRows = Taps(from: pass.logits.shape[1], to: pass.height)
      inputColumns = Taps(from: pass.logits.shape[2], to: pass.width)
      rows = Taps(from: pass.height, to: height)
      columns = Taps(from: pass.width, to: width)
    }
  }

  /// Makes rows of the original size one after the other, keeping two rows of the input's size.
  private struct RowReader {
    let plan: Plan
    let classCount: Int
    let kept: [Tensor]
    var keptRows = [-1, -1]
    let mixed, line: Tensor

    init(_ plan: Plan, classCount: Int) {
      self.plan = plan
      self.classCount = classCount
      kept = (0..<2).map { _ in Tensor(uninitialized: [plan.pass.width, classCount]) }
      mixed = Tensor(uninitialized: [max(plan.pass.width, plan.pass.logits.shape[2]), classCount])
      line = Tensor(uninitialized: [plan.width, classCount])
    }

    mutating func read(
      row y: Int, into sums: UnsafeMutablePointer<Float>, adds: Bool, asProbabilities: Bool
    ) {
      let (low, high) = (plan.rows.first[y], plan.rows.second[y])
      let a = inputRow(low, avoiding: high)
      let b = inputRow(high, avoiding: low)
      let weight = plan.rows.weight[y]
      let size = plan.pass.width * classCount
      mix(kept[a].pointer, kept[b].pointer, weight, into: mixed.pointer, count: size)
      resize(mixed.pointer, plan.columns, count: plan.width, into: line.pointer)
      for x in 0..<plan.width {
        let values = line.pointer + x * classCount
        if asProbabilities { probabilities(values, count: classCount) }
        let target = sums + (plan.pass.isFlipped ? plan.width - 1 - x : x) * classCount
        if adds {
          for c in 0..<classCount { target[c] += values[c] }
        } else {
          target.update(from: values, count: classCount)
        }
      }
    }

    /// The slot that holds one row at the input's size.
    private mutating func inputRow(_ row: Int, avoiding other: Int) -> Int {
      if let slot = keptRows.firstIndex(of: row) { return slot }
      let slot = keptRows[0] == other ? 1 : 0
      let logits = plan.pass.logits
      let (columns, source) = (logits.shape[2], logits.pointer)
      let size = columns * classCount
      mix(
        source + plan.inputRows.first[row] * size, source + plan.inputRows.second[row] * size,
        plan.inputRows.weight[row], into: mixed.pointer, count: size)
      resize(mixed.pointer, plan.inputColumns, count: plan.pass.width, into: kept[slot].pointer)
      keptRows[slot] = row
      return slot
    }

    private func resize(
      _ source: UnsafePointer<Float>, _ taps: Taps, count: Int,
      into target: UnsafeMutablePointer<Float>
    ) {
      for x in 0..<count {
        mix(
          source + taps.first[x] * classCount, source + taps.second[x] * classCount,
          taps.weight[x], into: target + x * classCount, count: classCount)
      }
    }
  }

  private static func mix(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ weight: Float,
    into target: UnsafeMutablePointer<Float>, count: Int
  ) {
    let own = 1 - weight
    for i in 0..<count { target[i] = own * a[i] + weight * b[i] }
  }

  private static func probabilities(_ values: UnsafeMutablePointer<Float>, count: Int) {
    var top = -Float.infinity
    for c in 0..<count { top = max(top, values[c]) }
    var sum: Float = 0
    for c in 0..<count {
      values[c] = exp(values[c] - top)
      sum += values[c]
    }
    let factor = 1 / sum
    for c in 0..<count { values[c] *= factor }
  }
}
