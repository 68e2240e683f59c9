// Loops over the bytes of images, as vectors that Swift's types cannot say: bytes widened to numbers
// and back. Header-only like CVector, so that they are compiled for the caller's processor; every
// processor gives the same bytes.
//
// Images are rows of interleaved red, green and blue bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef int32_t cp_int4 __attribute__((ext_vector_type(4)));
typedef uint32_t cp_uint4 __attribute__((ext_vector_type(4)));
typedef uint8_t cp_byte4 __attribute__((ext_vector_type(4)));
typedef int32_t cp_int16 __attribute__((ext_vector_type(16)));
typedef uint8_t cp_byte16 __attribute__((ext_vector_type(16)));

#define CP_INLINE static inline __attribute__((always_inline))

// MARK: Pixels

// A pixel as numbers; reads a byte more than it has.
CP_INLINE cp_int4 cp_pixel(const uint8_t *at) {
  cp_byte4 bytes;
  memcpy(&bytes, at, 4);
  return __builtin_convertvector(bytes, cp_int4);
}

CP_INLINE cp_byte4 cp_clamped4(cp_int4 value) {
  value = __builtin_elementwise_min(__builtin_elementwise_max(value, (cp_int4)0), (cp_int4)255);
  return __builtin_convertvector(value, cp_byte4);
}

CP_INLINE void cp_put(uint8_t *out, cp_byte4 pixel) { memcpy(out, &pixel, 3); }

// MARK: Resampling

// The output columns `first` to `last` of four rows; `rows` point to them, and a byte behind the
// last pixel of each can be read. Weights are in units of 2^-22, `length` an output position.
static inline void cp_resample_rows(
    const uint8_t *const rows[4], const int32_t *starts, const int32_t *counts,
    const int32_t *weights, size_t length, size_t first, size_t last, uint8_t *const out[4]) {
  const uint8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  for (size_t x = first; x < last; x++) {
    const int32_t *weight = weights + x * length;
    size_t at = (size_t)starts[x] * 3;
    cp_int4 va = 1 << 21, vb = 1 << 21, vc = 1 << 21, vd = 1 << 21;
    for (int32_t tap = 0; tap < counts[x]; tap++, at += 3) {
      cp_int4 w = weight[tap];
      va += cp_pixel(a + at) * w;
      vb += cp_pixel(b + at) * w;
      vc += cp_pixel(c + at) * w;
      vd += cp_pixel(d + at) * w;
    }
    size_t to = (x - first) * 3;
    cp_put(out[0] + to, cp_clamped4(va >> 22));
    cp_put(out[1] + to, cp_clamped4(vb >> 22));
    cp_put(out[2] + to, cp_clamped4(vc >> 22));
    cp_put(out[3] + to, cp_clamped4(vd >> 22));
  }
}

CP_INLINE cp_int16 cp_bytes16(const uint8_t *at) {
  cp_byte16 bytes;
  memcpy(&bytes, at, 16);
  return __builtin_convertvector(bytes, cp_int16);
}

CP_INLINE void cp_put_clamped16(uint8_t *out, cp_int16 value) {
  value = __builtin_elementwise_min(__builtin_elementwise_max(value, (cp_int16)0), (cp_int16)255);
  cp_byte16 bytes = __builtin_convertvector(value, cp_byte16);
  memcpy(out, &bytes, 16);
}

// A row as the weighed sum of `count` rows that follow each other, `size` bytes each.
static inline void cp_resample_columns(
    const uint8_t *rows, size_t size, const int32_t *weights, int32_t count, uint8_t *out) {
  size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    cp_int16 low = 1 << 21, high = 1 << 21;
    for (int32_t tap = 0; tap < count; tap++) {
      const uint8_t *row = rows + (size_t)tap * size + at;
      low += cp_bytes16(row) * weights[tap];
      high += cp_bytes16(row + 16) * weights[tap];
    }
    cp_put_clamped16(out + at, low >> 22);
    cp_put_clamped16(out + at + 16, high >> 22);
  }
  for (; at < size; at++) {
    int32_t sum = 1 << 21;
    for (int32_t tap = 0; tap < count; tap++) sum += rows[(size_t)tap * size + at] * weights[tap];
    sum >>= 22;
    out[at] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

// MARK: Blurring

// One box blur of a row: `line` holds it between `edge` repeated pixels on either side and a byte
// more. Weights are in units of 2^-24; `outer` is that of the pixels `edge` away.
static inline void cp_box_row(
    const uint8_t *line, size_t width, size_t edge, uint32_t inner, uint32_t outer, uint8_t *out) {
  cp_uint4 sum = 0;
  for (size_t at = 1; at < 2 * edge; at++) sum += (cp_uint4)cp_pixel(line + at * 3);
  const uint8_t *left = line, *right = line + 2 * edge * 3;
  for (size_t x = 0; x < width; x++, left += 3, right += 3) {
    cp_uint4 entering = (cp_uint4)cp_pixel(right);
    cp_uint4 far = (cp_uint4)cp_pixel(left) + entering;
    cp_uint4 value = (sum * inner + far * outer + (1u << 23)) >> 24;
    cp_put(out + x * 3, __builtin_convertvector(value, cp_byte4));
    sum += entering - (cp_uint4)cp_pixel(left + 3);
  }
}

// MARK: Colours

enum { CP_GROUP = 16 };

// Luminance by the ITU-R 601 weights in 16-bit fixed point.
CP_INLINE int32_t cp_luminance(int32_t red, int32_t green, int32_t blue) {
  return (int32_t)((uint32_t)(red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16);
}

// base + factor * (value - base), cut off towards zero.
CP_INLINE uint8_t cp_blended(int32_t base, int32_t value, float factor) {
#pragma clang fp contract(off)
  float mixed = (float)base + factor * (float)(value - base);
  mixed = mixed < 0 ? 0 : mixed > 255 ? 255 : mixed;
  return (uint8_t)(int32_t)mixed;
}

// The sum of the luminances of so many pixels.
static inline uint64_t cp_luminance_sum(const uint8_t *pixels, size_t count) {
  uint64_t sum = 0;
  size_t at = 0;
  while (at < count) {
    // 2^24 luminances fit into 32 bits.
    size_t end = count - at > (1u << 20) ? at + (1u << 20) : count;
    uint32_t part = 0;
    for (; at < end; at++)
      part += (uint32_t)cp_luminance(pixels[3 * at], pixels[3 * at + 1], pixels[3 * at + 2]);
    sum += part;
  }
  return sum;
}

// Blends every pixel with its luminance.
static inline void cp_saturate(uint8_t *pixels, size_t count, float factor) {
  for (size_t at = 0; at < count; at++) {
    uint8_t *pixel = pixels + 3 * at;
    int32_t gray = cp_luminance(pixel[0], pixel[1], pixel[2]);
    for (int channel = 0; channel < 3; channel++)
      pixel[channel] = cp_blended(gray, pixel[channel], factor);
  }
}

// A number that is not negative, rounded, a half up.
CP_INLINE int32_t cp_rounded(double value) {
  int32_t whole = (int32_t)value;
  return value - (double)whole >= 0.5 ? whole + 1 : whole;
}

// Turns the hue of a group of pixels by `shift` of 256 steps, through 8-bit HSV.
//
// Single and double precision are mixed as in the reference: where it rounds decides single levels.
CP_INLINE void cp_shift_hues(uint8_t *pixels, uint8_t shift) {
#pragma clang fp contract(off)
  int32_t r[CP_GROUP], g[CP_GROUP], b[CP_GROUP];
  int32_t hue[CP_GROUP], saturation[CP_GROUP], top[CP_GROUP];
  for (int i = 0; i < CP_GROUP; i++) {
    r[i] = pixels[3 * i];
    g[i] = pixels[3 * i + 1];
    b[i] = pixels[3 * i + 2];
  }
  for (int i = 0; i < CP_GROUP; i++) {
    int32_t high = r[i] > g[i] ? r[i] : g[i], low = r[i] < g[i] ? r[i] : g[i];
    high = high > b[i] ? high : b[i];
    low = low < b[i] ? low : b[i];
    // Grays have no hue; 1 stands where they would divide by 0.
    int is_gray = high == low;
    float range = (float)(is_gray ? 1 : high - low);
    float ratio = range / (float)(is_gray ? 1 : high);
    float red = (float)(high - r[i]) / range;
    float green = (float)(high - g[i]) / range;
    float blue = (float)(high - b[i]) / range;
    float first = blue - green;
    float second = (float)(2.0 + (double)red - (double)blue);
    float third = (float)(4.0 + (double)green - (double)red);
    float sector = r[i] == high ? first : g[i] == high ? second : third;
    double turn = (double)sector / 6 + 1;
    float part = (float)(turn >= 1 ? turn - 1 : turn);
    int32_t h = (int32_t)((double)part * 255), s = (int32_t)((double)ratio * 255);
    hue[i] = ((is_gray ? 0 : h) + shift) & 255;
    saturation[i] = is_gray ? 0 : s;
    top[i] = high;
  }
  for (int i = 0; i < CP_GROUP; i++) {
    double turn = (double)hue[i] * 6 / 255;
    int32_t sector = (int32_t)turn;
    float s = (float)((double)saturation[i] / 255);
    float f = (float)(turn - (double)sector);
    double full = (double)top[i];
    float sf = s * f;
    int32_t p = cp_rounded(full * (1 - (double)s));
    int32_t q = cp_rounded(full * (1 - (double)sf));
    int32_t t = cp_rounded(full * (1 - (double)s * (1 - (double)f)));
    int32_t v = top[i];
    // Sectors 0 and 6: v t p; 1: q v p; 2: p v t; 3: p q v; 4: t p v; 5: v p q.
    int is_gray = saturation[i] == 0;
    int32_t red = sector == 1 ? q : sector == 2 || sector == 3 ? p : sector == 4 ? t : v;
    int32_t green =
        sector == 0 || sector == 6 ? t : sector == 1 || sector == 2 ? v : sector == 3 ? q : p;
    int32_t blue =
        sector == 2 ? t : sector == 3 || sector == 4 ? v : sector == 5 ? q : p;
    r[i] = is_gray ? v : red;
    g[i] = is_gray ? v : green;
    b[i] = is_gray ? v : blue;
  }
  for (int i = 0; i < CP_GROUP; i++) {
    pixels[3 * i] = (uint8_t)r[i];
    pixels[3 * i + 1] = (uint8_t)g[i];
    pixels[3 * i + 2] = (uint8_t)b[i];
  }
}

// Turns the hue of so many pixels.
static inline void cp_shift_hue(uint8_t *pixels, size_t count, uint8_t shift) {
  size_t at = 0;
  for (; at + CP_GROUP <= count; at += CP_GROUP) cp_shift_hues(pixels + 3 * at, shift);
  if (at < count) {
    uint8_t rest[3 * CP_GROUP] = {0};
    memcpy(rest, pixels + 3 * at, 3 * (count - at));
    cp_shift_hues(rest, shift);
    memcpy(pixels + 3 * at, rest, 3 * (count - at));
  }
}

// The pixels of a row from right to left.
static inline void cp_mirror(const uint8_t *row, size_t width, uint8_t *out) {
  for (size_t x = 0; x < width; x++) memcpy(out + 3 * x, row + 3 * (width - 1 - x), 3);
}

// MARK: Numbers

// Three planes of what tables of 256 numbers, one a channel, say of the bytes.
static inline void cp_look_up(
    const uint8_t *pixels, size_t count, const float *tables, float *planes) {
  for (size_t at = 0; at < count; at++) {
    planes[at] = tables[pixels[3 * at]];
    planes[count + at] = tables[256 + pixels[3 * at + 1]];
    planes[2 * count + at] = tables[512 + pixels[3 * at + 2]];
  }
}
