// The inner loops of matrix products, compiled for several instruction sets in one binary and
// chosen at run time. A sum runs over the depth in order, one fused multiply-add a step, in one
// accumulator a result: no vector width changes its bits.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What the tiles are compiled for, the slowest first.
enum { CP_PORTABLE = 0, CP_AVX2 = 1, CP_AVX512 = 2 };
// Columns of b in one panel, and rows of the largest tile.
enum { CP_PANEL = 32, CP_TILE_ROWS = 14 };

// The best that this processor runs, and what is in use. `cp_use` takes no more than the processor
// has and answers with what is in use then. SWINBENCH_INSTRUCTIONS=avx2 in the environment leaves
// wider vectors unused.
int cp_best_level(void);
int cp_level(void);
int cp_use(int level);
// Whether pairs of bfloat16 numbers can be multiplied.
int cp_has_bf16(void);

// c[m][n] (+)= sum over k < depth of a(m, k) * b(k, n), on the calling thread.
//
// a(m, k) lies at a[m * a_row + k * a_step]; b(k, n) at b[(n / 32) * b_panel + k * b_step + n % 32],
// where 32 numbers can be read from every step of every panel; c(m, n) at c[m * c_row + n].
// `accumulate` adds the sum to what c holds, with a rounding of its own.
void cp_multiply(long rows, long columns, long depth, const float *a, long a_row, long a_step,
                 const float *b, long b_step, long b_panel, float *c, long c_row, int accumulate);

// The same for bfloat16 operands and single-precision sums: a step is a pair of neighbours in
// depth, so `depth`, `a_row` and the strides count pairs. Needs `cp_has_bf16`.
void cp_multiply_bf16(long rows, long columns, long depth, const uint32_t *a, long a_row,
                      long a_step, const uint32_t *b, long b_step, long b_panel, float *c,
                      long c_row, int accumulate);

// Lays columns of b out as panels: panel p, step k, lane j holds b(k, 32 p + j), or 0 beyond the
// columns. b(k, n) lies at b[n * b_row + k] (`cp_pack_rows`: columns of b are rows in memory) or at
// b[k * b_row + n] (`cp_pack_columns`).
void cp_pack_rows(long columns, long depth, const float *b, long b_row, float *panels);
void cp_pack_columns(long columns, long depth, const float *b, long b_row, float *panels);

// Operands of `cp_multiply_bf16`: numbers are rounded to bfloat16, ties to even, and neighbours in
// depth become one pair; an odd last one has a zero for its neighbour. These need `cp_has_bf16`.
//
// `cp_pair_left`: a(m, k) at a[m * a_row + k * a_step], where one of the two is 1; pair p of row m
// goes to out[m * out_row + p] if a_step is 1, else to out[p * rows + m].
void cp_pair_left(long rows, long depth, const float *a, long a_row, long a_step, uint32_t *out,
                  long out_row);
// `cp_pair_panel`: one panel of 32 columns; pair p of lane j goes to out[32 p + j].
void cp_pair_panel(long depth, const float *panel, long step, uint32_t *out);

#ifdef __cplusplus
}
#endif
