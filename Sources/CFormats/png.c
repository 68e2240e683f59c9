#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg.h"

typedef struct {
  const uint8_t *bytes;
  size_t count, at;
} source;

typedef struct {
  char text[160];
} failure;

static void on_error(png_structp png, png_const_charp text) {
  failure *f = png_get_error_ptr(png);
  snprintf(f->text, sizeof f->text, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_read(png_structp png, png_bytep out, png_size_t count) {
  source *s = png_get_io_ptr(png);
  if (s->count - s->at < count) png_error(png, "the file ends early");
  memcpy(out, s->bytes + s->at, count);
  s->at += count;
}

// Reads the header; afterwards the caller sets transforms, or stops.
static void begin(png_structp png, png_infop info, source *s, cf_image_header *h) {
  png_set_read_fn(png, s, on_read);
  png_set_user_limits(png, 1 << 20, 1 << 20);
  png_read_info(png, info);
  int type = png_get_color_type(png, info);
  h->format = CF_PNG;
  h->width = (int)png_get_image_width(png, info);
  h->height = (int)png_get_image_height(png, info);
  h->channels = png_get_channels(png, info);
  h->bits = png_get_bit_depth(png, info);
  h->is_cmyk = 0;
  h->is_palette = type == PNG_COLOR_TYPE_PALETTE;
  h->is_progressive = png_get_interlace_type(png, info) != PNG_INTERLACE_NONE;
  h->orientation = 1;
}

enum { INSPECT, RGB, LABELS };

// One reader for header, colours and labels: only the transforms differ.
static int read_png(const uint8_t *bytes, size_t count, int what, cf_image_header *header,
                    uint8_t *pixels, size_t size, char *message, size_t capacity) {
  failure fail = {""};
  source src = {bytes, count, 0};
  png_bytep *volatile rows = NULL;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &fail, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    snprintf(message, capacity, "needs more memory than there is");
    return 1;
  }
  if (setjmp(png_jmpbuf(png))) {
    if (png_get_image_height(png, info) > 0 && what != INSPECT)
      snprintf(message, capacity, "is a damaged PNG near row %u of %u (%s)",
               (unsigned)png_get_current_row_number(png),
               (unsigned)png_get_image_height(png, info), fail.text);
    else
      snprintf(message, capacity, "is a damaged PNG (%s)", fail.text);
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  begin(png, info, &src, header);
  if (what == INSPECT) {
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
  }
  if (what == RGB) {
    if (header->is_palette) png_set_palette_to_rgb(png);
    if (header->bits < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (header->bits == 16) png_set_strip_16(png);
    if (header->channels < 3) png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
  } else {
    png_set_packing(png);  // one index a byte, values unchanged
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row = png_get_rowbytes(png, info);
  if (row * (size_t)header->height != size) {
    snprintf(message, capacity, "has rows of %zu bytes where %zu are expected", row,
             size / (size_t)header->height);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  rows = malloc(sizeof *rows * (size_t)header->height);
  if (!rows) png_error(png, "out of memory");
  for (int y = 0; y < header->height; y++) rows[y] = pixels + (size_t)y * row;
  png_read_image(png, rows);
  free(rows);
  rows = NULL;
  // Chunks after the picture are not needed, and a missing end marker loses nothing.
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

static const char *foreign_type(const uint8_t *p, size_t n) {
  if (n == 0) return "is empty";
  if (n >= 12 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBP", 4)) return "is a WebP image";
  if (n >= 6 && !memcmp(p, "GIF8", 4)) return "is a GIF image";
  if (n >= 2 && !memcmp(p, "BM", 2)) return "is a BMP image";
  if (n >= 4 && (!memcmp(p, "II*\0", 4) || !memcmp(p, "MM\0*", 4))) return "is a TIFF image";
  if (n >= 12 && !memcmp(p + 4, "ftyp", 4)) return "is an AVIF, HEIC or video file";
  if (n >= 8 && !memcmp(p, "\0\0\0\x0cjP  ", 8)) return "is a JPEG 2000 image";
  if (n >= 2 && p[0] == 0xFF && p[1] == 0x0A) return "is a JPEG XL image";
  if (n >= 1 && p[0] == '<') return "is a web page or XML file";
  return "is of no known image type";
}

static int type_of(const uint8_t *p, size_t n, char *message, size_t capacity) {
  if (n >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF) return CF_JPEG;
  if (n >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8)) return CF_PNG;
  snprintf(message, capacity, "%s, not JPEG or PNG", foreign_type(p, n));
  return 0;
}

int cf_image_inspect(const uint8_t *bytes, size_t count, cf_image_header *header, char *message,
                     size_t capacity) {
  switch (type_of(bytes, count, message, capacity)) {
    case CF_JPEG: return cf_jpeg_inspect(bytes, count, header, message, capacity);
    case CF_PNG: return read_png(bytes, count, INSPECT, header, NULL, 0, message, capacity);
    default: return 1;
  }
}

int cf_image_decode_rgb(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t size,
                        char *message, size_t capacity) {
  cf_image_header header;
  switch (type_of(bytes, count, message, capacity)) {
    case CF_JPEG: return cf_jpeg_decode(bytes, count, pixels, size, message, capacity);
    case CF_PNG: return read_png(bytes, count, RGB, &header, pixels, size, message, capacity);
    default: return 1;
  }
}

int cf_png_decode_labels(const uint8_t *bytes, size_t count, uint8_t *labels, size_t size,
                         char *message, size_t capacity) {
  cf_image_header header;
  return read_png(bytes, count, LABELS, &header, labels, size, message, capacity);
}

typedef struct {
  uint8_t *bytes;
  size_t count, capacity;
} sink;

static void on_write(png_structp png, png_bytep data, png_size_t count) {
  sink *s = png_get_io_ptr(png);
  if (s->capacity - s->count < count) {
    size_t wanted = (s->capacity + count) * 2;
    uint8_t *grown = realloc(s->bytes, wanted);
    if (!grown) png_error(png, "out of memory");
    s->bytes = grown;
    s->capacity = wanted;
  }
  memcpy(s->bytes + s->count, data, count);
  s->count += count;
}

static void on_flush(png_structp png) { (void)png; }

int cf_png_encode(const uint8_t *pixels, int width, int height, int channels, uint8_t **bytes,
                  size_t *count, char *message, size_t capacity) {
  failure fail = {""};
  sink out = {NULL, 0, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &fail, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info || setjmp(png_jmpbuf(png))) {
    snprintf(message, capacity, "could not be encoded (%s)", fail.text);
    free(out.bytes);
    png_destroy_write_struct(&png, &info);
    return 1;
  }
  png_set_write_fn(png, &out, on_write, on_flush);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8,
               channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < height; y++)
    png_write_row(png, (png_const_bytep)(pixels + (size_t)y * (size_t)width * (size_t)channels));
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  *bytes = out.bytes;
  *count = out.count;
  return 0;
}

void cf_free(void *pointer) { free(pointer); }
