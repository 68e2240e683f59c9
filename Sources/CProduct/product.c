#include "CProduct.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CP_FUSED(a, b, sums) __builtin_elementwise_fma(a, b, sums)

#if defined(__x86_64__)
#include <immintrin.h>

#define CP_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define CP_NAME(x) x##_avx512
#define CP_LANES 16
#define CP_ROWS 14
#define CP_VECTORS 2
#define CP_STEP CP_FUSED
#include "tile.h"

#define CP_TARGET __attribute__((target("avx2,fma")))
#define CP_NAME(x) x##_avx2
#define CP_LANES 8
#define CP_ROWS 6
#define CP_VECTORS 2
#define CP_STEP CP_FUSED
#include "tile.h"

#define CP_PAIRS(a, b, sums) \
  ((__typeof__(sums))_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(a), (__m512bh)(b)))
#define CP_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define CP_NAME(x) x##_bf16
#define CP_LANES 16
#define CP_ROWS 14
#define CP_VECTORS 2
#define CP_STEP CP_PAIRS
#include "tile.h"
#else
// Two registers of four lanes a vector: NEON has thirty-two of them.
#define CP_TARGET
#define CP_NAME(x) x##_portable
#define CP_LANES 8
#define CP_ROWS 6
#define CP_VECTORS 2
#define CP_STEP CP_FUSED
#include "tile.h"
#endif

int cp_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return CP_AVX512;
  // The oldest processor that programs are built for.
  return CP_AVX2;
#else
  return CP_PORTABLE;
#endif
}

int cp_has_bf16(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return cp_level() == CP_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
  return 0;
#endif
}

static atomic_int chosen = -1;

int cp_level(void) {
  int level = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (level >= 0) return level;
  const char *wish = getenv("SWINBENCH_INSTRUCTIONS");
  return cp_use(wish && strcmp(wish, "avx2") == 0 ? CP_AVX2 : CP_AVX512);
}

int cp_use(int level) {
  const int best = cp_best_level();
  const int least = best == CP_PORTABLE ? CP_PORTABLE : CP_AVX2;
  level = level > best ? best : level < least ? least : level;
  atomic_store_explicit(&chosen, level, memory_order_relaxed);
  return level;
}

void cp_multiply(long rows, long columns, long depth, const float *a, long a_row, long a_step,
                 const float *b, long b_step, long b_panel, float *c, long c_row, int accumulate) {
#if defined(__x86_64__)
  if (cp_level() == CP_AVX512)
    multiply_avx512(rows, columns, depth, a, a_row, a_step, b, b_step, b_panel, c, c_row,
                    accumulate);
  else
    multiply_avx2(rows, columns, depth, a, a_row, a_step, b, b_step, b_panel, c, c_row,
                  accumulate);
#else
  multiply_portable(rows, columns, depth, a, a_row, a_step, b, b_step, b_panel, c, c_row,
                    accumulate);
#endif
}

void cp_multiply_bf16(long rows, long columns, long depth, const uint32_t *a, long a_row,
                      long a_step, const uint32_t *b, long b_step, long b_panel, float *c,
                      long c_row, int accumulate) {
#if defined(__x86_64__)
  multiply_bf16(rows, columns, depth, (const float *)a, a_row, a_step, (const float *)b, b_step,
                b_panel, c, c_row, accumulate);
#else
  (void)rows, (void)columns, (void)depth, (void)a, (void)a_row, (void)a_step, (void)b;
  (void)b_step, (void)b_panel, (void)c, (void)c_row, (void)accumulate;
  __builtin_trap();
#endif
}
