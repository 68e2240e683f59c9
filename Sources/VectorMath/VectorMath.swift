// Elementary functions on sixteen numbers at a time. They live in a module of their own because
// they must be inlined into kernels, which the compiler does across modules (`@inlinable`) but,
// without whole-module optimisation, not across files.

import CVector

/// Sixteen copies of one number.
@inlinable @inline(__always)
public func splat(_ value: Float) -> SIMD16<Float> { SIMD16(repeating: value) }

/// eˣ with a relative error below 2⁻²², 0 below -87.3 and eˣ of 88 above 88.
///
/// Splits x = n·ln 2 + f, |f| ≤ ln 2 / 2, and evaluates a least-maximum polynomial of degree six.
@inlinable @inline(__always)
public func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> {
  let clamped = cv_max(cv_min(x, splat(88)), splat(-88))
  let magic = splat(12_582_912)  // 1.5·2²³: adding it rounds to the nearest integer
  let shifted = cv_fma(clamped, splat(1.442_695_04), magic)
  let n = shifted - magic
  let f = cv_fma(n, splat(2.121_944_4e-4), cv_fma(n, splat(-0.693_359_375), clamped))
  var p = splat(0.001_395_048_265_858_076_8)
  p = cv_fma(p, f, splat(0.008_368_888_549_130_189))
  p = cv_fma(p, f, splat(0.041_666_205_921_283_88))
  p = cv_fma(p, f, splat(0.166_665_188_448_915_7))
  p = cv_fma(p, f, splat(0.500_000_009_515_530_4))
  p = cv_fma(p, f * f, f) + splat(1)
  // n sits in the low bits of `shifted`; the shift drops the magic number's own bits.
  let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23
  let scale = unsafeBitCast(exponent &+ SIMD16<Int32>(repeating: 127 << 23), to: SIMD16<Float>.self)
  return (p * scale).replacing(with: splat(0), where: x .< splat(-87.3))
}

/// The error function with an absolute error below 4·10⁻⁷.
///
/// A rational least-maximum fit x·P(x²)/Q(x²) on |x| ≤ 3.925, beyond which erf rounds to ±1.
@inlinable @inline(__always)
public func errorFunction(_ x: SIMD16<Float>) -> SIMD16<Float> {
  let v = cv_max(cv_min(x, splat(3.925)), splat(-3.925))
  let t = v * v
  var p = splat(2.037_471_404_037_205_6e-06)
  p = cv_fma(p, t, splat(0.000_286_175_229_120_999_6))
  p = cv_fma(p, t, splat(0.003_826_810_279_861_092_6))
  p = cv_fma(p, t, splat(0.052_934_590_727_090_836))
  p = cv_fma(p, t, splat(0.191_843_852_400_779_72))
  p = cv_fma(p, t, splat(1.128_379_106_521_606_4))
  var q = splat(3.802_967_694_355_175e-05)
  q = cv_fma(q, t, splat(0.001_177_279_627_881_944_2))
  q = cv_fma(q, t, splat(0.015_090_799_890_458_584))
  q = cv_fma(q, t, splat(0.114_699_833_095_073_7))
  q = cv_fma(q, t, splat(0.503_349_423_408_508_3))
  q = cv_fma(q, t, splat(1))
  // Rounding could carry the quotient past ±1, and GELU's far tail to the wrong sign.
  return cv_max(cv_min(v * p / q, splat(1)), splat(-1))
}

/// The Gaussian error linear unit x·Φ(x), by the error function.
@inlinable @inline(__always)
public func gaussianErrorLinear(_ x: SIMD16<Float>) -> SIMD16<Float> {
  let half = x * splat(0.5)
  return cv_fma(half, errorFunction(x * splat(0.707_106_78)), half)
}

/// The derivative of x·Φ(x): Φ(x) + x·φ(x).
@inlinable @inline(__always)
public func gaussianErrorLinearDerivative(_ x: SIMD16<Float>) -> SIMD16<Float> {
  gaussianErrorLinearWithSlope(x).slope
}

/// x·Φ(x) and its derivative, which share the error function.
@inlinable @inline(__always)
public func gaussianErrorLinearWithSlope(
  _ x: SIMD16<Float>
) -> (value: SIMD16<Float>, slope: SIMD16<Float>) {
  let error = errorFunction(x * splat(0.707_106_78))
  let half = x * splat(0.5)
  let density = exponential(x * x * splat(-0.5)) * splat(0.398_942_28)
  return (
    cv_fma(half, error, half), cv_fma(x, density, cv_fma(error, splat(0.5), splat(0.5)))
  )
}

/// The first `count` < 16 numbers at `pointer`, the other lanes `fill`.
@inlinable @inline(__always)
public func loadTail(
  _ pointer: UnsafePointer<Float>, _ count: Int, fill: Float = 0
) -> SIMD16<Float> {
  var lanes = splat(fill)
  for lane in 0..<count { lanes[lane] = pointer[lane] }
  return lanes
}

/// Stores the first `count` < 16 lanes at `pointer`.
@inlinable @inline(__always)
public func storeTail(_ pointer: UnsafeMutablePointer<Float>, _ lanes: SIMD16<Float>, _ count: Int)
{
  for lane in 0..<count { pointer[lane] = lanes[lane] }
}
