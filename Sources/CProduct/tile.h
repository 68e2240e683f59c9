// One register tile and the walk over a block, compiled once for every instruction set. Expects
//   CP_TARGET       the function attribute that allows the instructions
//   CP_NAME(x)      names of this set
//   CP_LANES        numbers a vector
//   CP_ROWS         rows and
//   CP_VECTORS      vectors of the largest tile that leaves registers for its operands
//   CP_STEP(a, b, sums)  one step of depth: a the row's operand in all lanes
// No include guard: it is meant to be included several times.

typedef float CP_NAME(vector) __attribute__((ext_vector_type(CP_LANES)));
typedef CP_NAME(vector) CP_NAME(unaligned) __attribute__((aligned(4)));

static inline __attribute__((always_inline)) CP_TARGET void CP_NAME(tile)(
    const int rows, const float *a, long a_row, long a_step, const float *b, long b_step,
    long depth, float *c, long c_row, int accumulate) {
  CP_NAME(vector) sums[CP_ROWS][CP_VECTORS];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < CP_VECTORS; v++) sums[r][v] = 0;
#pragma clang loop unroll_count(2)
  for (long k = 0; k < depth; k++) {
    CP_NAME(vector) columns[CP_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < CP_VECTORS; v++)
      columns[v] = *(const CP_NAME(unaligned) *)(b + CP_LANES * v);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      CP_NAME(vector) row = a[r * a_row];
#pragma clang loop unroll(full)
      for (int v = 0; v < CP_VECTORS; v++) sums[r][v] = CP_STEP(row, columns[v], sums[r][v]);
    }
    a += a_step;
    b += b_step;
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < CP_VECTORS; v++) {
      CP_NAME(unaligned) *at = (CP_NAME(unaligned) *)(c + r * c_row + CP_LANES * v);
      *at = accumulate ? *at + sums[r][v] : sums[r][v];
    }
}

#define CP_CASE(n)                                                                            \
  case n:                                                                                     \
    CP_NAME(tile)(n, a, a_row, a_step, b, b_step, depth, c, c_row, accumulate);               \
    break;

static CP_TARGET __attribute__((noinline)) void CP_NAME(rows)(
    long rows, const float *a, long a_row, long a_step, const float *b, long b_step, long depth,
    float *c, long c_row, int accumulate) {
  switch (rows) {
    CP_CASE(1) CP_CASE(2) CP_CASE(3) CP_CASE(4)
#if CP_ROWS > 4
    CP_CASE(5) CP_CASE(6)
#endif
#if CP_ROWS > 6
    CP_CASE(7) CP_CASE(8) CP_CASE(9) CP_CASE(10) CP_CASE(11) CP_CASE(12) CP_CASE(13) CP_CASE(14)
#endif
  }
}

static CP_TARGET void CP_NAME(multiply)(long rows, long columns, long depth, const float *a,
                                        long a_row, long a_step, const float *b, long b_step,
                                        long b_panel, float *c, long c_row, int accumulate) {
  float edge[CP_ROWS * CP_PANEL];
  for (long n = 0; n < columns; n += CP_PANEL) {
    const float *panel = b + n / CP_PANEL * b_panel;
    const long width = columns - n < CP_PANEL ? columns - n : CP_PANEL;
    for (long m = 0; m < rows; m += CP_ROWS) {
      const long height = rows - m < CP_ROWS ? rows - m : CP_ROWS;
      float *out = c + m * c_row + n;
      const int inside = width == CP_PANEL;
      for (int v = 0; v < width; v += CP_LANES * CP_VECTORS)
        CP_NAME(rows)(height, a + m * a_row, a_row, a_step, panel + v, b_step, depth,
                      inside ? out + v : edge + v, inside ? c_row : CP_PANEL,
                      inside && accumulate);
      if (inside) continue;
      for (long r = 0; r < height; r++)
        for (long j = 0; j < width; j++)
          out[r * c_row + j] = edge[r * CP_PANEL + j] + (accumulate ? out[r * c_row + j] : 0);
    }
  }
}

#undef CP_CASE
#undef CP_TARGET
#undef CP_NAME
#undef CP_LANES
#undef CP_ROWS
#undef CP_VECTORS
#undef CP_STEP
