#include "json.h"

#include <string.h>

// Powers of ten that a double holds exactly.
static const double tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Powers of five that 64 bits hold.
enum { FIVES = 28 };
static const uint64_t fives[FIVES] = {
    1u,
    5u,
    25u,
    125u,
    625u,
    3125u,
    15625u,
    78125u,
    390625u,
    1953125u,
    9765625u,
    48828125u,
    244140625u,
    1220703125u,
    6103515625u,
    30517578125u,
    152587890625u,
    762939453125u,
    3814697265625u,
    19073486328125u,
    95367431640625u,
    476837158203125u,
    2384185791015625u,
    11920928955078125u,
    59604644775390625u,
    298023223876953125u,
    1490116119384765625u,
    7450580596923828125u,
};

/// 2 to a power between -1022 and 1023.
static double power_of_two(int power) {
  uint64_t bits = (uint64_t)(power + 1023) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// digits / 10^power, rounded to the nearest double, ties to even; digits is not 0.
static double over_power_of_ten(uint64_t digits, unsigned power) {
  // Both with their highest bit set, the quotient lies between a half and two; 10 is 5 times 2.
  uint64_t divisor = fives[power];
  int up = __builtin_clzll(digits), divisor_up = __builtin_clzll(divisor);
  uint64_t numerator = digits << up;
  divisor <<= divisor_up;
  int halved = numerator >= divisor;
  unsigned __int128 wide = (unsigned __int128)numerator << (64 - halved);
  uint64_t quotient = (uint64_t)(wide / divisor);
  uint64_t rest = (uint64_t)wide - quotient * divisor;
  // 64 bits of the quotient: 53 stay, and what is cut off decides with the rest.
  uint64_t kept = quotient >> 11, cut = quotient & 0x7FF;
  if (cut > 0x400 || (cut == 0x400 && (rest != 0 || (kept & 1)))) kept++;
  return (double)kept * power_of_two(11 - 64 + halved + divisor_up - up - (int)power);
}

static int is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

ptrdiff_t cf_json_number(
    const uint8_t *bytes, size_t count, size_t at, cf_json_scalar *number) {
  int is_negative = at < count && bytes[at] == '-';
  if (is_negative) at++;
  if (at >= count || !is_digit(bytes[at])) return CF_SCAN_ODD;
  size_t start = at;
  uint64_t digits = 0;
  // Digits behind leading zeros; more than 19 do not fit.
  size_t significant = 0;
  if (bytes[at] == '0') {
    at++;
  } else {
    for (; at < count && is_digit(bytes[at]); at++) digits = digits * 10 + (uint64_t)(bytes[at] - '0');
    significant = at - start;
  }
  int exponent = 0;
  number->is_whole = 1;
  if (at < count && bytes[at] == '.') {
    number->is_whole = 0;
    size_t fraction = ++at;
    if (digits == 0) {
      while (at < count && bytes[at] == '0') at++;
    }
    size_t first = at;
    for (; at < count && is_digit(bytes[at]); at++) digits = digits * 10 + (uint64_t)(bytes[at] - '0');
    if (at == fraction || at - fraction > 64) return CF_SCAN_ODD;
    significant += at - first;
    exponent = -(int)(at - fraction);
  }
  if (at < count && (bytes[at] == 'e' || bytes[at] == 'E')) {
    number->is_whole = 0;
    at++;
    int is_below = at < count && bytes[at] == '-';
    if (at < count && (bytes[at] == '-' || bytes[at] == '+')) at++;
    size_t first = at;
    int power = 0;
    for (; at < count && is_digit(bytes[at]) && at - first < 4; at++)
      power = power * 10 + (bytes[at] - '0');
    if (at == first || at - first > 3) return CF_SCAN_ODD;
    exponent += is_below ? -power : power;
  }
  // 18 digits fit into 63 bits, 19 into 64.
  if (significant > (number->is_whole ? 18u : 19u)) return CF_SCAN_ODD;
  if (number->is_whole) {
    number->whole = is_negative ? -(int64_t)digits : (int64_t)digits;
    number->value = (double)number->whole;
    return (ptrdiff_t)at;
  }
  double value;
  if (digits == 0) {
    value = 0;
  } else if (exponent >= 0) {
    if (digits >> 53 || exponent > 22) return CF_SCAN_ODD;
    value = (double)digits * tens[exponent];
  } else if (digits >> 53 == 0 && exponent >= -22) {
    value = (double)digits / tens[-exponent];
  } else if (exponent > -FIVES) {
    value = over_power_of_ten(digits, (unsigned)-exponent);
  } else {
    return CF_SCAN_ODD;
  }
  number->value = is_negative ? -value : value;
  return (ptrdiff_t)at;
}

ptrdiff_t cf_json_number_list(
    const uint8_t *bytes, size_t count, size_t at, double *numbers, size_t capacity,
    size_t *found) {
  *found = 0;
  if (at >= count || bytes[at] != '[') return CF_SCAN_ODD;
  at = cf_json_skip_space(bytes, count, at + 1);
  if (at < count && bytes[at] == ']') return (ptrdiff_t)at + 1;
  while (1) {
    cf_json_scalar number;
    ptrdiff_t end = cf_json_number(bytes, count, at, &number);
    if (end < 0 || *found == capacity) return CF_SCAN_ODD;
    numbers[(*found)++] = number.value;
    at = cf_json_skip_space(bytes, count, (size_t)end);
    if (at >= count) return CF_SCAN_ODD;
    if (bytes[at] == ']') return (ptrdiff_t)at + 1;
    if (bytes[at] != ',') return CF_SCAN_ODD;
    at = cf_json_skip_space(bytes, count, at + 1);
  }
}

/// The place behind the number or word at `at`, with whether it is an integer that 64 bits do not
/// hold.
static size_t token_end(const uint8_t *bytes, size_t count, size_t at, int *is_wide) {
  size_t start = at;
  while (at < count && bytes[at] != ',' && bytes[at] != ']' && bytes[at] != '}' &&
         bytes[at] != ':' && bytes[at] != '"' && bytes[at] > ' ')
    at++;
  *is_wide = 0;
  int is_negative = bytes[start] == '-';
  size_t first = start + (size_t)is_negative;
  if (at - first < 19) return at;
  uint64_t number = 0;
  int is_over = 0;
  for (size_t place = first; place < at; place++) {
    if (!is_digit(bytes[place])) return at;
    is_over |= __builtin_mul_overflow(number, 10u, &number);
    is_over |= __builtin_add_overflow(number, (uint64_t)(bytes[place] - '0'), &number);
  }
  *is_wide = is_over || (is_negative && number > (uint64_t)INT64_MAX + 1);
  return at;
}

/// Goes through a sound value and counts those integers; copies it where `out` is given.
static size_t widen(const uint8_t *bytes, size_t count, uint8_t *out) {
  size_t wide = 0, copied = 0, length = 0;
  for (size_t at = 0; at < count;) {
    if (bytes[at] == '"') {
      for (at++; at < count && bytes[at] != '"'; at++) at += bytes[at] == '\\';
      at++;
    } else if (bytes[at] == '-' || is_digit(bytes[at])) {
      int is_wide;
      at = token_end(bytes, count, at, &is_wide);
      if (!is_wide) continue;
      wide++;
      if (!out) continue;
      memcpy(out + length, bytes + copied, at - copied);
      length += at - copied;
      copied = at;
      out[length++] = 'e';
      out[length++] = '0';
    } else {
      at++;
    }
  }
  if (!out) return wide;
  memcpy(out + length, bytes + copied, count - copied);
  return length + count - copied;
}

size_t cf_json_wide_integers(const uint8_t *bytes, size_t count) {
  return widen(bytes, count, NULL);
}

size_t cf_json_widen(const uint8_t *bytes, size_t count, uint8_t *out) {
  return widen(bytes, count, out);
}
