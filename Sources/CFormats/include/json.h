// JSON through json-c, one value at a time, and a scanner that finds where values end.
//
// The scanner lets a reader hand over one array element after the other, so that no tree of a whole
// file is ever in memory. Values are opaque; those inside another one live as long as that one.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Kinds of values. JSON's null, like a missing member, is NULL and has the kind CF_JSON_NONE.
enum {
  CF_JSON_NONE,
  CF_JSON_BOOL,
  CF_JSON_INTEGER,
  CF_JSON_NUMBER,
  CF_JSON_TEXT,
  CF_JSON_ARRAY,
  CF_JSON_OBJECT,
};

/// A parser that is used again and again, by one thread at a time; NULL when there is no memory.
void *cf_json_begin(void);
void cf_json_end(void *parser);

/// Parses one value that fills the bytes, strictly but for NaN and Infinity, which Python writes.
/// An object with a key twice is refused. Integers that 64 bits do not hold are numbers.
///
/// Returns 0 and the value (NULL for null), or another number and the rest of a sentence in
/// `message`, with the place in `*failed_at`.
int cf_json_parse(
    void *parser, const uint8_t *bytes, size_t count, void **value, size_t *failed_at,
    char *message, size_t capacity);

/// Releases what `cf_json_parse` gave.
void cf_json_release(void *value);

int cf_json_kind(const void *value);
/// The member of an object, or NULL.
const void *cf_json_member(const void *object, const char *name);
/// Items of an array.
size_t cf_json_count(const void *array);
const void *cf_json_item(const void *array, size_t index);
/// The value of an integer, a number or a bool, converted.
int64_t cf_json_integer(const void *value);
/// Whether an integer is inside the range of `cf_json_integer`.
int cf_json_fits(const void *value);
double cf_json_double(const void *value);
/// The bytes of a text, valid as long as the value.
const char *cf_json_text(const void *value, size_t *count);
/// Copies the numbers of an array of `cf_json_count` items; returns how many items are numbers.
size_t cf_json_doubles(const void *array, double *out);

/// What the scanner found at a place: the bytes end inside the value, or it is not plain.
enum { CF_SCAN_CUT = -1, CF_SCAN_ODD = -2 };

/// Where the value that starts at `at` ends, or CF_SCAN_CUT when the bytes end inside it.
///
/// Looks only at quotes and brackets; whether the value is well formed is the parser's business.
ptrdiff_t cf_json_value_end(const uint8_t *bytes, size_t count, size_t at);

/// The first place from `at` on that is no white space; `count` when there is none.
size_t cf_json_skip_space(const uint8_t *bytes, size_t count, size_t at);

/// A number of JSON, read without the parser.
typedef struct {
  double value;     ///< The nearest double, ties to even, as the parser gives it.
  int64_t whole;    ///< The number where it is whole.
  int is_whole;     ///< Whether it has neither a fraction nor an exponent.
} cf_json_scalar;

/// Reads a number without the parser; returns where it ends.
///
/// What is no number by JSON's grammar, or has more digits or a larger exponent than files of
/// measurements have (19 digits, 10^-27 of the last one), is CF_SCAN_ODD and the parser's business.
ptrdiff_t cf_json_number(
    const uint8_t *bytes, size_t count, size_t at, cf_json_scalar *number);

/// How many integers of a sound value 64 bits do not hold, with or without a sign.
size_t cf_json_wide_integers(const uint8_t *bytes, size_t count);

/// Copies a sound value with an exponent of 0 behind each of those integers; returns the length.
/// `out` has room for two more bytes for each.
size_t cf_json_widen(const uint8_t *bytes, size_t count, uint8_t *out);

/// Reads a list of such numbers; returns where it ends, or CF_SCAN_ODD, also for more than
/// `capacity` of them.
ptrdiff_t cf_json_number_list(
    const uint8_t *bytes, size_t count, size_t at, double *numbers, size_t capacity,
    size_t *found);
