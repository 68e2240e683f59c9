import CVector
import VectorMath

extension Kernels {
  /// Normalises one row to mean 0 and variance 1, then scales and shifts it.
  ///
  /// - Returns: the row's mean and the reciprocal of its deviation.
  @discardableResult
  static func layerNorm(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    epsilon: Float, into out: UnsafeMutablePointer<Float>, count: Int
  ) -> (mean: Float, reciprocal: Float) {
    let (mean, reciprocal) = moments(x, epsilon: epsilon, count: count)
    let m = splat(mean)
    let r = splat(reciprocal)
    var i = 0
    while i + 16 <= count {
      let normalized = (cv_load(x + i) - m) * r
      cv_store(out + i, cv_fma(normalized, cv_load(weight + i), cv_load(bias + i)))
      i += 16
    }
    while i < count {
      out[i] = (x[i] - mean) * reciprocal * weight[i] + bias[i]
      i += 1
    }
    return (mean, reciprocal)
  }

  /// The mean of a row and 1/√(variance + ε), the variance biased, in two passes.
  static func moments(
    _ x: UnsafePointer<Float>, epsilon: Float, count: Int
  ) -> (mean: Float, reciprocal: Float) {
    let mean = sum(x, count: count) / Float(count)
    let m = splat(mean)
    var squares = splat(0)
    var i = 0
    while i + 16 <= count {
      let d = cv_load(x + i) - m
      squares = cv_fma(d, d, squares)
      i += 16
    }
    var total = cv_reduce_add(squares)
    while i < count {
      total += (x[i] - mean) * (x[i] - mean)
      i += 1
    }
    return (mean, 1 / (total / Float(count) + epsilon).squareRoot())
  }

  /// The gradient of `layerNorm` for one row.
  ///
  /// With x̂ the normalised row, g the gradient and C the length:
  ///
  ///     dx = r · (w·g − mean(w·g) − x̂ · mean(w·g·x̂)),  dw += g·x̂,  db += g
  ///
  /// - Parameters:
  ///   - gradient: g, the gradient of the output row.
  ///   - addend: added to dx (the residual path), or nil.
  ///   - dx: receives the gradient of the input row; may be `addend`.
  ///   - weightGradient: dw, accumulated.
  ///   - biasGradient: db, accumulated.
  static func layerNormBackward(
    _ x: UnsafePointer<Float>, gradient g: UnsafePointer<Float>, weight w: UnsafePointer<Float>,
    mean: Float, reciprocal: Float, addend: UnsafePointer<Float>?,
    into dx: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>,
    biasGradient: UnsafeMutablePointer<Float>, count: Int
  ) {
    let m = splat(mean)
    let r = splat(reciprocal)
    var sumG = splat(0)
    var sumGX = splat(0)
    var i = 0
    while i + 16 <= count {
      let gradient = cv_load(g + i)
      let normalized = (cv_load(x + i) - m) * r
      let weighted = gradient * cv_load(w + i)
      sumG += weighted
      sumGX = cv_fma(weighted, normalized, sumGX)
      cv_store(weightGradient + i, cv_fma(gradient, normalized, cv_load(weightGradient + i)))
      cv_store(biasGradient + i, cv_load(biasGradient + i) + gradient)
      i += 16
    }
    var totalG = cv_reduce_add(sumG)
    var totalGX = cv_reduce_add(sumGX)
    while i < count {
      let normalized = (x[i] - mean) * reciprocal
      totalG += g[i] * w[i]
      totalGX += g[i] * w[i] * normalized
      weightGradient[i] += g[i] * normalized
      biasGradient[i] += g[i]
      i += 1
    }
    let meanG = totalG / Float(count)
    let meanGX = totalGX / Float(count)
    i = 0
    while i + 16 <= count {
      let normalized = (cv_load(x + i) - m) * r
      let weighted = cv_load(g + i) * cv_load(w + i)
      let inner = cv_fma(normalized, splat(-meanGX), weighted - splat(meanG))
      let base = addend.map { cv_load($0 + i) } ?? splat(0)
      cv_store(dx + i, cv_fma(inner, r, base))
      i += 16
    }
    while i < count {
      let normalized = (x[i] - mean) * reciprocal
      let inner = g[i] * w[i] - meanG - normalized * meanGX
      dx[i] = inner * reciprocal + (addend.map { $0[i] } ?? 0)
      i += 1
    }
  }

  /// Column sums of a `[rows, columns]` matrix into `out`, in row order.
  static func columnSums(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
    into out: UnsafeMutablePointer<Float>
  ) {
    out.update(repeating: 0, count: columns)
    for row in 0..<rows { add(out, x + row * stride, into: out, count: columns) }
  }
}
