#include "CProduct.h"

#include <string.h>

typedef float lanes __attribute__((ext_vector_type(8)));
typedef lanes unaligned __attribute__((aligned(4)));

// Eight rows of eight numbers become eight columns.
static inline __attribute__((always_inline)) void transpose(const float *x, long row, float *out) {
  lanes r[8], s[8];
  for (int i = 0; i < 8; i++) r[i] = *(const unaligned *)(x + i * row);
  for (int i = 0; i < 4; i++) {
    s[2 * i] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    s[2 * i + 1] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) {
      const lanes a = s[4 * i + j], b = s[4 * i + j + 2];
      r[4 * i + j] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      r[4 * i + j + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int j = 0; j < 4; j++) {
    *(unaligned *)(out + CP_PANEL * j) =
        __builtin_shufflevector(r[j], r[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(unaligned *)(out + CP_PANEL * (j + 4)) =
        __builtin_shufflevector(r[j], r[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

void cp_pack_rows(long columns, long depth, const float *b, long b_row, float *panels) {
  for (long first = 0; first < columns; first += CP_PANEL, panels += depth * CP_PANEL) {
    const long width = columns - first < CP_PANEL ? columns - first : CP_PANEL;
    const float *source = b + first * b_row;
    long j = 0;
    for (; j + 8 <= width; j += 8) {
      long k = 0;
      for (; k + 8 <= depth; k += 8) transpose(source + j * b_row + k, b_row, panels + k * CP_PANEL + j);
      for (; k < depth; k++)
        for (long i = j; i < j + 8; i++) panels[k * CP_PANEL + i] = source[i * b_row + k];
    }
    for (long k = 0; j < CP_PANEL && k < depth; k++) {
      for (long i = j; i < width; i++) panels[k * CP_PANEL + i] = source[i * b_row + k];
      for (long i = width; i < CP_PANEL; i++) panels[k * CP_PANEL + i] = 0;
    }
  }
}

void cp_pack_columns(long columns, long depth, const float *b, long b_row, float *panels) {
  for (long first = 0; first < columns; first += CP_PANEL, panels += depth * CP_PANEL) {
    const long width = columns - first < CP_PANEL ? columns - first : CP_PANEL;
    for (long k = 0; k < depth; k++) {
      float *out = panels + k * CP_PANEL;
      const float *source = b + k * b_row + first;
      if (width == CP_PANEL) {
        for (long j = 0; j < CP_PANEL; j += 8)
          *(unaligned *)(out + j) = *(const unaligned *)(source + j);
        continue;
      }
      for (long j = 0; j < CP_PANEL; j++) out[j] = j < width ? source[j] : 0;
    }
  }
}

#if defined(__x86_64__)
#include <immintrin.h>

#define CP_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// Sixteen pairs of two vectors: `low` in the lower halves.
static inline CP_BF16 __m512i paired(__m512 low, __m512 high) {
  const __m512i l = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
  const __m512i h = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
  return _mm512_or_si512(l, _mm512_slli_epi32(h, 16));
}

CP_BF16 void cp_pair_left(long rows, long depth, const float *a, long a_row, long a_step,
                          uint32_t *out, long out_row) {
  if (a_step == 1) {
    for (long m = 0; m < rows; m++, a += a_row, out += out_row) {
      long k = 0;
      for (; k + 32 <= depth; k += 32)
        _mm512_storeu_si512(out + k / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(a + k + 16),
                                                                     _mm512_loadu_ps(a + k)));
      if (k == depth) continue;
      float rest[32] = {0};
      memcpy(rest, a + k, (depth - k) * sizeof *rest);
      const __m512i pairs =
          (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(rest + 16), _mm512_loadu_ps(rest));
      _mm512_mask_storeu_epi32(out + k / 2, (__mmask16)((1u << (depth - k + 1) / 2) - 1), pairs);
    }
    return;
  }
  for (long k = 0; k < depth; k += 2, out += rows)
    for (long m = 0; m < rows; m += 16) {
      const __mmask16 some = rows - m < 16 ? (__mmask16)((1u << (rows - m)) - 1) : 0xffff;
      const __m512 low = _mm512_maskz_loadu_ps(some, a + k * a_step + m);
      const __m512 high = k + 1 < depth ? _mm512_maskz_loadu_ps(some, a + (k + 1) * a_step + m)
                                        : _mm512_setzero_ps();
      _mm512_mask_storeu_epi32(out + m, some, paired(low, high));
    }
}

CP_BF16 void cp_pair_panel(long depth, const float *panel, long step, uint32_t *out) {
  for (long k = 0; k < depth; k += 2, out += CP_PANEL)
    for (long j = 0; j < CP_PANEL; j += 16) {
      const float *low = panel + k * step + j;
      const __m512 high = k + 1 < depth ? _mm512_loadu_ps(low + step) : _mm512_setzero_ps();
      _mm512_storeu_si512(out + j, paired(_mm512_loadu_ps(low), high));
    }
}
#else
void cp_pair_left(long rows, long depth, const float *a, long a_row, long a_step, uint32_t *out,
                  long out_row) {
  (void)rows, (void)depth, (void)a, (void)a_row, (void)a_step, (void)out, (void)out_row;
  __builtin_trap();
}

void cp_pair_panel(long depth, const float *panel, long step, uint32_t *out) {
  (void)depth, (void)panel, (void)step, (void)out;
  __builtin_trap();
}
#endif
