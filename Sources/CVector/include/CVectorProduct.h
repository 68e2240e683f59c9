// The inner tile of a matrix product, for operations that lay their operands out themselves and so
// need no packing: 8 x 32 results from operands in panels of 32 columns.
#pragma once

#if defined(__clang__)
// Everything here is inlined into callers that are compiled for the same processor.
#pragma clang diagnostic ignored "-Wpsabi"
#endif

#if defined(__AVX512F__)
enum { CV_PRODUCT_ROWS = 8, CV_PRODUCT_VECTORS = 2 };
#else
// With half the register file, or registers a quarter as wide, four smaller tiles do not spill.
enum { CV_PRODUCT_ROWS = 4, CV_PRODUCT_VECTORS = 1 };
#endif

// c[r][n] = (accumulate ? c[r][n] : 0) + sum over k of a(r, k) * b[k][n], r < 8, n < 32.
//
// The depth is cut into `panels` runs of `depth` steps: a(r, k) lies at
// a[r * row_stride + (k / depth) * a_stride + (k % depth) * step_stride], row k of b at
// b[(k / depth) * b_stride + (k % depth) * 32]; c is dense. Sums run over k in order, one rounding
// a step.
//
// `next_a` and `next_c` are what the next tile reads and writes: asking for them now nearly doubles
// the rate when operands come from the shared cache. Step k asks for next_a[(k % depth) *
// fetch_stride] of its panel.
CV_INLINE void cv_product_8x32(const float *a, long row_stride, long step_stride, long a_stride,
                               const float *b, long b_stride, long depth, long panels, float *c,
                               int accumulate, const float *next_a, long fetch_stride,
                               const float *next_c) {
  for (int line = 0; line < 16; line++) __builtin_prefetch(next_c + 16 * line, 1, 3);
#pragma clang loop unroll(full)
  for (int row = 0; row < 8; row += CV_PRODUCT_ROWS) {
#pragma clang loop unroll(full)
    for (int column = 0; column < 32; column += 16 * CV_PRODUCT_VECTORS) {
      cv_float16 sums[CV_PRODUCT_ROWS][CV_PRODUCT_VECTORS];
#pragma clang loop unroll(full)
      for (int r = 0; r < CV_PRODUCT_ROWS; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < CV_PRODUCT_VECTORS; v++)
          sums[r][v] = accumulate ? cv_load(c + (row + r) * 32 + column + 16 * v) : (cv_float16)0;
      for (long panel = 0; panel < panels; panel++) {
        const float *ak = a + row * row_stride + panel * a_stride;
        const float *bk = b + panel * b_stride + column;
        const float *fetched = next_a + panel * a_stride;
#pragma clang loop unroll_count(4)
        for (long k = 0; k < depth; k++) {
          cv_float16 bv[CV_PRODUCT_VECTORS];
#pragma clang loop unroll(full)
          for (int v = 0; v < CV_PRODUCT_VECTORS; v++) bv[v] = cv_load(bk + 16 * v);
#pragma clang loop unroll(full)
          for (int r = 0; r < CV_PRODUCT_ROWS; r++) {
            cv_float16 av = ak[r * row_stride];
#pragma clang loop unroll(full)
            for (int v = 0; v < CV_PRODUCT_VECTORS; v++)
              sums[r][v] = cv_fma(av, bv[v], sums[r][v]);
          }
          __builtin_prefetch(fetched, 0, 2);
          fetched += fetch_stride;
          ak += step_stride;
          bk += 32;
        }
      }
#pragma clang loop unroll(full)
      for (int r = 0; r < CV_PRODUCT_ROWS; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < CV_PRODUCT_VECTORS; v++)
          cv_store(c + (row + r) * 32 + column + 16 * v, sums[r][v]);
    }
  }
}
