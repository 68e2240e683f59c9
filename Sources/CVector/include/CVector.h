// Vector operations that Swift's SIMD types cannot say, one inlined function each. Everything here
// is header-only: clang imports a 16-wide extended vector as SIMD16<Float>, and LLVM inlines the
// call, so a kernel written in Swift compiles to the instructions one would write by hand.
#pragma once

typedef float cv_float16 __attribute__((ext_vector_type(16)));
typedef int cv_int16 __attribute__((ext_vector_type(16)));
typedef cv_float16 cv_float16_unaligned __attribute__((aligned(4)));

#define CV_INLINE static inline __attribute__((always_inline))

CV_INLINE cv_float16 cv_load(const float *p) { return *(const cv_float16_unaligned *)p; }
CV_INLINE void cv_store(float *p, cv_float16 x) { *(cv_float16_unaligned *)p = x; }
// a * b + c with a single rounding.
CV_INLINE cv_float16 cv_fma(cv_float16 a, cv_float16 b, cv_float16 c) {
  return __builtin_elementwise_fma(a, b, c);
}
// `a` where the mask is 0, `b` where all its bits are set.
CV_INLINE cv_float16 cv_select(cv_float16 a, cv_float16 b, cv_int16 mask) {
  return (cv_float16)(((cv_int16)b & mask) | ((cv_int16)a & ~mask));
}
// The larger and the smaller of two; a NaN in `a` stays, one in `b` is left out. The builtins of
// that name leave both out: a rectifier made of them turns a broken network's NaN into 0.
CV_INLINE cv_float16 cv_max(cv_float16 a, cv_float16 b) { return cv_select(a, b, a < b); }
CV_INLINE cv_float16 cv_min(cv_float16 a, cv_float16 b) { return cv_select(a, b, b < a); }
CV_INLINE cv_float16 cv_abs(cv_float16 a) { return __builtin_elementwise_abs(a); }
CV_INLINE cv_float16 cv_sqrt(cv_float16 a) { return __builtin_elementwise_sqrt(a); }
CV_INLINE float cv_reduce_max(cv_float16 a) { return __builtin_reduce_max(a); }
// Sum in a fixed pairwise order, the same on every processor.
CV_INLINE float cv_reduce_add(cv_float16 a) {
  float v[16];
  *(cv_float16_unaligned *)v = a;
  for (int w = 8; w >= 1; w /= 2)
    for (int i = 0; i < w; i++) v[i] += v[i + w];
  return v[0];
}

#include "CVectorProduct.h"
