import CVector
import Foundation
import VectorMath

/// Cross-entropy of class indices summed over the rows that count, over a normaliser.
///
///     loss = Σ over rows with a target other than `ignored` of −log p[target], / normalizer
///
/// Segmentation divides by all pixels, ignored ones included; the default divides by the rows
/// that count (or 1). Sums run in double precision.
///
/// - Parameters:
///   - logits: `[..., K]`; the leading axes are rows.
///   - targets: One of 0..<K or `ignored` a row.
///   - ignored: The target of rows that do not count.
///   - normalizer: What the sum is divided by.
/// - Returns: the loss, `[1]`.
public func crossEntropy(
  _ logits: Tensor, targets: [Int], ignoring ignored: Int, normalizer: Float? = nil
) -> Tensor {
  let classes = logits.shape.last ?? 1
  let rowCount = logits.elementCount / max(1, classes)
  precondition(targets.count == rowCount, "\(rowCount) rows of logits, \(targets.count) targets")
  precondition(
    targets.allSatisfy { (0 <= $0 && $0 < classes) || $0 == ignored },
    "targets must be \(ignored) or lie in 0..<\(classes)")
  let divisor = normalizer ?? Float(max(1, targets.count { $0 != ignored }))
  let logarithms = Tensor(uninitialized: [rowCount])
  RowBlocks.forEach(rows: rowCount, columns: classes) { range in
    for row in range where targets[row] != ignored {
      logarithms.pointer[row] = logSumExp(logits.pointer + row * classes, count: classes)
    }
  }
  var total = 0.0
  for (row, target) in targets.enumerated() where target != ignored {
    total += Double(logarithms.pointer[row]) - Double(logits.pointer[row * classes + target])
  }
  let out = Tensor([Float(total / Double(divisor))], shape: [1])
  return record(out, inputs: [logits]) { gradient in
    let factor = gradient.item / divisor
    let dx = Tensor(uninitialized: logits.shape)
    RowBlocks.forEach(rows: rowCount, columns: classes) { range in
      for row in range {
        let g = dx.pointer + row * classes
        if targets[row] == ignored {
          g.update(repeating: 0, count: classes)
        } else {
          scaledProbabilities(
            logits.pointer + row * classes, logarithm: logarithms.pointer[row], factor: factor,
            into: g, count: classes)
          g[targets[row]] -= factor
        }
      }
    }
    return [dx]
  }
}

/// log Σ eˣ of one row.
private func logSumExp(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var best = splat(-.infinity)
  var i = 0
  while i + 16 <= count {
    best = cv_max(best, cv_load(x + i))
    i += 16
  }
  let rest = count - i
  let tail = rest > 0 ? loadTail(x + i, rest, fill: -.infinity) : splat(-.infinity)
  let top = cv_reduce_max(cv_max(best, tail))
  var sum = rest > 0 ? exponential(tail - splat(top)) : splat(0)
  i = 0
  while i + 16 <= count {
    sum += exponential(cv_load(x + i) - splat(top))
    i += 16
  }
  return top + log(cv_reduce_add(sum))
}

/// `out = factor · eˣ⁻ˡ` for one row.
private func scaledProbabilities(
  _ x: UnsafePointer<Float>, logarithm: Float, factor: Float,
  into out: UnsafeMutablePointer<Float>, count: Int
) {
  var i = 0
  while i + 16 <= count {
    cv_store(out + i, exponential(cv_load(x + i) - splat(logarithm)) * splat(factor))
    i += 16
  }
  if i < count {
    let p = exponential(loadTail(x + i, count - i) - splat(logarithm)) * splat(factor)
    storeTail(out + i, p, count - i)
  }
}
