import CVector
import VectorMath

/// Loops over rows of numbers, on the calling thread.
///
/// Lengths need not be multiples of sixteen.
enum Kernels {
  /// `out = a + b`; `out` may be `a` or `b`.
  static func add(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(out + i, cv_load(a + i) + cv_load(b + i))
      i += 16
    }
    while i < count {
      out[i] = a[i] + b[i]
      i += 1
    }
  }

  /// `out = a · b`, element by element.
  static func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(out + i, cv_load(a + i) * cv_load(b + i))
      i += 16
    }
    while i < count {
      out[i] = a[i] * b[i]
      i += 1
    }
  }

  /// `out = factor · a`.
  static func scale(
    _ a: UnsafePointer<Float>, by factor: Float, into out: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(out + i, cv_load(a + i) * splat(factor))
      i += 16
    }
    while i < count {
      out[i] = a[i] * factor
      i += 1
    }
  }

  /// `y = y + factor · x`.
  static func addScaled(
    _ x: UnsafePointer<Float>, by factor: Float, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(y + i, cv_fma(cv_load(x + i), splat(factor), cv_load(y + i)))
      i += 16
    }
    while i < count {
      y[i] += x[i] * factor
      i += 1
    }
  }

  /// `out = x + factor · (y + bias)`, the tail of a residual branch.
  static func residual(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    factor: Float, into out: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      let branch = cv_load(y + i) + cv_load(bias + i)
      cv_store(out + i, cv_fma(branch, splat(factor), cv_load(x + i)))
      i += 16
    }
    while i < count {
      out[i] = x[i] + factor * (y[i] + bias[i])
      i += 1
    }
  }

  /// Σ a·b over the row.
  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var sum = splat(0)
    var i = 0
    while i + 16 <= count {
      sum = cv_fma(cv_load(a + i), cv_load(b + i), sum)
      i += 16
    }
    if i < count {
      sum = cv_fma(loadTail(a + i, count - i), loadTail(b + i, count - i), sum)
    }
    return cv_reduce_add(sum)
  }

  /// Σ a over the row.
  static func sum(_ a: UnsafePointer<Float>, count: Int) -> Float {
    var sum = splat(0)
    var i = 0
    while i + 16 <= count {
      sum += cv_load(a + i)
      i += 16
    }
    if i < count { sum += loadTail(a + i, count - i) }
    return cv_reduce_add(sum)
  }

  /// The largest element of the row.
  static func maximum(_ a: UnsafePointer<Float>, count: Int) -> Float {
    var best = splat(-.infinity)
    var i = 0
    while i + 16 <= count {
      best = cv_max(best, cv_load(a + i))
      i += 16
    }
    if i < count { best = cv_max(best, loadTail(a + i, count - i, fill: -.infinity)) }
    return cv_reduce_max(best)
  }

  /// `out = GELU(x + bias)` and, when asked, `x = x + bias` for the backward pass.
  static func biasedGELU(
    _ x: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>,
    into out: UnsafeMutablePointer<Float>, keepsSum: Bool, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      let v = cv_load(x + i) + cv_load(bias + i)
      if keepsSum { cv_store(x + i, v) }
      cv_store(out + i, gaussianErrorLinear(v))
      i += 16
    }
    if i < count {
      let v = loadTail(x + i, count - i) + loadTail(bias + i, count - i)
      if keepsSum { storeTail(x + i, v, count - i) }
      storeTail(out + i, gaussianErrorLinear(v), count - i)
    }
  }

  /// `out = GELU(x)`.
  static func gelu(
    _ x: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(out + i, gaussianErrorLinear(cv_load(x + i)))
      i += 16
    }
    if i < count { storeTail(out + i, gaussianErrorLinear(loadTail(x + i, count - i)), count - i) }
  }

  /// `out = gradient · GELU′(x)`; `out` may be `x` or `gradient`.
  static func geluBackward(
    _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>,
    into out: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      cv_store(out + i, cv_load(gradient + i) * gaussianErrorLinearDerivative(cv_load(x + i)))
      i += 16
    }
    if i < count {
      let slope = gaussianErrorLinearDerivative(loadTail(x + i, count - i))
      storeTail(out + i, loadTail(gradient + i, count - i) * slope, count - i)
    }
  }

  /// `out = GELU(x)` and `x = gradient · GELU′(x)`, with one error function.
  static func geluBackward(
    _ x: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>,
    activated out: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i + 16 <= count {
      let (value, slope) = gaussianErrorLinearWithSlope(cv_load(x + i))
      cv_store(out + i, value)
      cv_store(x + i, cv_load(gradient + i) * slope)
      i += 16
    }
    if i < count {
      let (value, slope) = gaussianErrorLinearWithSlope(loadTail(x + i, count - i))
      storeTail(out + i, value, count - i)
      storeTail(x + i, loadTail(gradient + i, count - i) * slope, count - i)
    }
  }

  /// `row = exp(row - max) / Σ`, in place.
  static func softmax(_ row: UnsafeMutablePointer<Float>, count: Int) {
    let top = splat(maximum(row, count: count))
    var sum = splat(0)
    var i = 0
    while i + 16 <= count {
      let e = exponential(cv_load(row + i) - top)
      cv_store(row + i, e)
      sum += e
      i += 16
    }
    if i < count {
      let e = exponential(loadTail(row + i, count - i, fill: -.infinity) - top)
      storeTail(row + i, e, count - i)
      sum += e
    }
    scale(row, by: 1 / cv_reduce_add(sum), into: row, count: count)
  }
}
