#include "json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t text_end(const uint8_t *bytes, size_t count, size_t at);

void *cf_json_begin(void) {
  json_tokener *parser = json_tokener_new();
  if (parser) json_tokener_set_flags(parser, JSON_TOKENER_STRICT);
  return parser;
}

void cf_json_end(void *parser) {
  if (parser) json_tokener_free(parser);
}

/// How many members the objects of a tree have.
static size_t member_count(json_object *value) {
  size_t count = 0;
  if (json_object_is_type(value, json_type_object)) {
    json_object_object_foreach(value, name, member) {
      (void)name;
      count += 1 + member_count(member);
    }
  } else if (json_object_is_type(value, json_type_array)) {
    size_t items = json_object_array_length(value);
    for (size_t at = 0; at < items; at++) {
      json_object *item = json_object_array_get_idx(value, at);
      // Most lists are of numbers.
      if (json_object_is_type(item, json_type_object) || json_object_is_type(item, json_type_array))
        count += member_count(item);
    }
  }
  return count;
}

/// How many members the bytes of a sound value write: one a colon outside of texts.
static size_t written_count(const uint8_t *bytes, size_t count) {
  size_t members = 0;
  for (size_t at = 0; at < count;) {
    if (bytes[at] == '"') {
      at = text_end(bytes, count, at + 1);
    } else {
      members += bytes[at] == ':';
      at++;
    }
  }
  return members;
}

/// The place of the first key that its object has twice; `count` where keys differ only in how they
/// are written. Goes through a sound value, `*at` behind it.
static size_t repeated_key(const uint8_t *bytes, size_t count, size_t *at) {
  *at = cf_json_skip_space(bytes, count, *at);
  size_t start = *at;
  int is_object = start < count && bytes[start] == '{';
  if (!is_object && (start >= count || bytes[start] != '[')) {
    ptrdiff_t end = cf_json_value_end(bytes, count, start);
    *at = end < 0 ? count : (size_t)end;
    return count;
  }
  *at = start + 1;
  while (*at < count) {
    *at = cf_json_skip_space(bytes, count, *at);
    if (*at >= count || bytes[*at] == '}' || bytes[*at] == ']') break;
    if (is_object) {
      size_t key = *at;
      size_t end = text_end(bytes, count, key + 1);
      // The members before are looked through again: a record has few.
      for (size_t other = start + 1; other < key;) {
        other = cf_json_skip_space(bytes, count, other);
        if (other >= key) break;
        size_t stop = text_end(bytes, count, other + 1);
        if (stop - other == end - key && memcmp(bytes + other, bytes + key, end - key) == 0)
          return key;
        other = cf_json_skip_space(bytes, count, stop);
        ptrdiff_t next = cf_json_value_end(bytes, count, cf_json_skip_space(bytes, count, other + 1));
        if (next < 0) return count;
        other = cf_json_skip_space(bytes, count, (size_t)next) + 1;
      }
      *at = cf_json_skip_space(bytes, count, end) + 1;
    }
    size_t found = repeated_key(bytes, count, at);
    if (found < count) return found;
    *at = cf_json_skip_space(bytes, count, *at);
    if (*at < count && bytes[*at] == ',') (*at)++;
  }
  *at = *at < count ? *at + 1 : count;
  return count;
}

/// Parses a value whose bytes are known to be sound once more, with the integers that 64 bits do not
/// hold as doubles: the library cuts them to the ends of its range, so that all would be equal.
static json_object *parse_widened(
    json_tokener *parser, const uint8_t *bytes, size_t count, size_t wide) {
  // Two letters more for each.
  size_t room = count + 2 * wide;
  if (room > INT32_MAX - 1) return NULL;
  char *copy = malloc(room);
  if (!copy) return NULL;
  size_t length = cf_json_widen(bytes, count, (uint8_t *)copy);
  json_tokener_reset(parser);
  json_object *parsed = json_tokener_parse_ex(parser, copy, (int)length);
  if (json_tokener_get_error(parser) == json_tokener_continue)
    parsed = json_tokener_parse_ex(parser, "", 1);
  free(copy);
  if (json_tokener_get_error(parser) == json_tokener_success) return parsed;
  json_object_put(parsed);
  return NULL;
}

int cf_json_parse(
    void *parser, const uint8_t *bytes, size_t count, void **value, size_t *failed_at,
    char *message, size_t capacity) {
  *value = NULL;
  *failed_at = 0;
  if (!parser) {
    snprintf(message, capacity, "could not be parsed, there is no memory");
    return 1;
  }
  if (count > INT32_MAX - 1) {
    snprintf(message, capacity, "has a value of %zu bytes, more than can be parsed", count);
    return 1;
  }
  json_tokener_reset(parser);
  json_object *parsed = json_tokener_parse_ex(parser, (const char *)bytes, (int)count);
  enum json_tokener_error error = json_tokener_get_error(parser);
  if (error == json_tokener_continue) {
    // A bare number ends only where something follows it.
    parsed = json_tokener_parse_ex(parser, "", 1);
    error = json_tokener_get_error(parser);
  } else {
    *failed_at = json_tokener_get_parse_end(parser);
  }
  if (error != json_tokener_success) {
    json_object_put(parsed);
    snprintf(message, capacity, "is not valid JSON (%s)", json_tokener_error_desc(error));
    return 1;
  }
  // The library keeps the last of equal keys; others keep the first.
  if (json_object_is_type(parsed, json_type_object) &&
      member_count(parsed) != written_count(bytes, count)) {
    json_object_put(parsed);
    size_t end = 0;
    size_t at = repeated_key(bytes, count, &end);
    size_t stop = at < count ? text_end(bytes, count, at + 1) : 0;
    *failed_at = at < count ? at : 0;
    if (at < count && stop - at < 60)
      snprintf(message, capacity, "has the key '%.*s' twice in one object", (int)(stop - at - 2),
               (const char *)bytes + at + 1);
    else
      snprintf(message, capacity, "has a key twice in one object");
    return 1;
  }
  size_t wide = cf_json_wide_integers(bytes, count);
  if (wide > 0) {
    json_object_put(parsed);
    parsed = parse_widened(parser, bytes, count, wide);
    if (!parsed) {
      snprintf(message, capacity, "could not be parsed, there is no memory");
      return 1;
    }
  }
  *value = parsed;
  return 0;
}

void cf_json_release(void *value) { json_object_put(value); }

int cf_json_kind(const void *value) {
  switch (json_object_get_type(value)) {
    case json_type_boolean: return CF_JSON_BOOL;
    case json_type_int: return CF_JSON_INTEGER;
    case json_type_double: return CF_JSON_NUMBER;
    case json_type_string: return CF_JSON_TEXT;
    case json_type_array: return CF_JSON_ARRAY;
    case json_type_object: return CF_JSON_OBJECT;
    default: return CF_JSON_NONE;
  }
}

const void *cf_json_member(const void *object, const char *name) {
  json_object *member = NULL;
  if (!json_object_is_type(object, json_type_object)) return NULL;
  return json_object_object_get_ex(object, name, &member) ? member : NULL;
}

size_t cf_json_count(const void *array) {
  return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

const void *cf_json_item(const void *array, size_t index) {
  return json_object_array_get_idx(array, index);
}

int64_t cf_json_integer(const void *value) { return json_object_get_int64(value); }

int cf_json_fits(const void *value) {
  // Larger numbers are stored unsigned or cut to the ends of the range.
  int64_t number = json_object_get_int64(value);
  return number != INT64_MIN && (number != INT64_MAX || json_object_get_uint64(value) == INT64_MAX);
}

double cf_json_double(const void *value) { return json_object_get_double(value); }

const char *cf_json_text(const void *value, size_t *count) {
  if (!json_object_is_type(value, json_type_string)) {
    *count = 0;
    return NULL;
  }
  *count = (size_t)json_object_get_string_len(value);
  return json_object_get_string((json_object *)value);
}

size_t cf_json_doubles(const void *array, double *out) {
  size_t numbers = 0;
  size_t count = cf_json_count(array);
  for (size_t at = 0; at < count; at++) {
    json_object *item = json_object_array_get_idx(array, at);
    json_type type = json_object_get_type(item);
    if (type == json_type_double || type == json_type_int) {
      out[at] = json_object_get_double(item);
      numbers++;
    } else {
      out[at] = 0;
    }
  }
  return numbers;
}

// What a byte means to the scanner: 1 opens, 2 closes, 3 starts a text.
static const uint8_t meaning[256] = {
    ['{'] = 1, ['['] = 1, ['}'] = 2, [']'] = 2, ['"'] = 3,
};

/// The place behind the text whose first character is at `at`, or `count` + 1.
static size_t text_end(const uint8_t *bytes, size_t count, size_t at) {
  while (at < count) {
    const uint8_t *quote = memchr(bytes + at, '"', count - at);
    if (!quote) return count + 1;
    size_t place = (size_t)(quote - bytes);
    size_t slashes = 0;
    while (place - slashes > at && bytes[place - slashes - 1] == '\\') slashes++;
    at = place + 1;
    // An odd number of backslashes makes the quote a part of the text. None of them can belong to
    // an earlier quote: that one would have ended the text.
    if (slashes % 2 == 0) return at;
  }
  return count + 1;
}

ptrdiff_t cf_json_value_end(const uint8_t *bytes, size_t count, size_t at) {
  if (at >= count) return CF_SCAN_CUT;
  uint8_t first = bytes[at];
  if (first == '"') {
    size_t end = text_end(bytes, count, at + 1);
    return end > count ? CF_SCAN_CUT : (ptrdiff_t)end;
  }
  if (meaning[first] != 1) {
    // A number, a word, or nonsense that the parser will refuse.
    size_t start = at;
    while (at < count && bytes[at] != ',' && bytes[at] != '}' && bytes[at] != ']') at++;
    while (at > start && (bytes[at - 1] == ' ' || bytes[at - 1] == '\n' ||
                          bytes[at - 1] == '\r' || bytes[at - 1] == '\t'))
      at--;
    return (ptrdiff_t)at;
  }
  size_t depth = 0;
  while (at < count) {
    uint8_t kind = meaning[bytes[at]];
    if (kind == 0) {
      at++;
    } else if (kind == 1) {
      depth++;
      at++;
    } else if (kind == 2) {
      at++;
      if (--depth == 0) return (ptrdiff_t)at;
    } else {
      at = text_end(bytes, count, at + 1);
      if (at > count) return CF_SCAN_CUT;
    }
  }
  return CF_SCAN_CUT;
}

size_t cf_json_skip_space(const uint8_t *bytes, size_t count, size_t at) {
  while (at < count &&
         (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t'))
    at++;
  return at;
}
