// PNG through libpng's low-level interface: it alone promises untouched sample values.

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

enum phase { IN_HEADER, IN_ROWS, BEHIND_ROWS };

// Everything that must survive a longjmp lives here, not in locals.
typedef struct {
  png_structp png;
  png_infop info;
  const uint8_t *bytes;
  size_t count, at;
  enum phase phase;
  uint32_t row, height;
  int pass, passes;
  char *message;
  size_t capacity;
} png_reader;

static void fail_reading(png_structp png, png_const_charp text) {
  png_reader *reader = png_get_error_ptr(png);
  switch (reader->phase) {
    case IN_HEADER:
      snprintf(reader->message, reader->capacity, "%s, in the header", text);
      break;
    case IN_ROWS:
      if (reader->passes > 1) {
        snprintf(
            reader->message, reader->capacity, "%s, in pass %d of %d after row %u of %u", text,
            reader->pass + 1, reader->passes, reader->row, reader->height);
      } else {
        snprintf(
            reader->message, reader->capacity, "%s, after row %u of %u", text, reader->row,
            reader->height);
      }
      break;
    case BEHIND_ROWS:
      snprintf(reader->message, reader->capacity, "%s, after the last row", text);
      break;
  }
  png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t wanted) {
  png_reader *reader = png_get_io_ptr(png);
  if (wanted > reader->count - reader->at) png_error(png, "the file ends too early");
  memcpy(out, reader->bytes + reader->at, wanted);
  reader->at += wanted;
}

static int open_reader(png_reader *reader) {
  reader->png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, fail_reading, ignore_warning);
  if (reader->png) reader->info = png_create_info_struct(reader->png);
  if (!reader->png || !reader->info) {
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    snprintf(reader->message, reader->capacity, "no memory for the PNG decoder");
    return -1;
  }
  return 0;
}

static void close_reader(png_reader *reader) {
  png_destroy_read_struct(&reader->png, &reader->info, NULL);
}

// The caller has set the jump target.
static void read_header(png_reader *reader) {
  // Chunks that no pixel depends on are passed over: texts and profiles may be unpacked to a
  // thousand times their size, and a file may hold any number of them.
  static const png_byte skipped[] = "iCCP\0iTXt\0zTXt\0tEXt\0sPLT\0hIST\0pCAL\0sCAL";
  png_set_keep_unknown_chunks(
      reader->png, PNG_HANDLE_CHUNK_NEVER, skipped, (int)(sizeof skipped / 5));
  png_set_read_fn(reader->png, reader, read_bytes);
  // The caller bounds the product of width and height before anything is allocated.
  png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(reader->png, reader->info);
  reader->height = png_get_image_height(reader->png, reader->info);
}

static uint32_t orientation_of(png_reader *reader) {
  png_bytep exif = NULL;
  png_uint_32 count = 0;
  if (!png_get_eXIf_1(reader->png, reader->info, &count, &exif)) return 1;
  uint32_t orientation = cf_exif_orientation(exif, count);
  return orientation ? orientation : 1;
}

// The orientation in an EXIF chunk behind the pixels, where reading the header does not come.
static uint32_t late_orientation(const uint8_t *bytes, size_t count) {
  size_t at = 8;
  while (count - at >= 12) {
    size_t length = (size_t)bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
    if (length > count - at - 12) return 1;
    if (!memcmp(bytes + at + 4, "eXIf", 4)) {
      uint32_t orientation = cf_exif_orientation(bytes + at + 8, length);
      return orientation ? orientation : 1;
    }
    at += length + 12;
  }
  return 1;
}

int cf_png_inspect(
    const uint8_t *bytes, size_t count, cf_image_header *header, char *message, size_t capacity) {
  png_reader reader = {
      .bytes = bytes, .count = count, .message = message, .capacity = capacity};
  if (open_reader(&reader)) return -1;
  if (setjmp(png_jmpbuf(reader.png))) {
    close_reader(&reader);
    return -1;
  }
  read_header(&reader);
  memset(header, 0, sizeof *header);
  int color = png_get_color_type(reader.png, reader.info);
  header->width = png_get_image_width(reader.png, reader.info);
  header->height = reader.height;
  header->channels = png_get_channels(reader.png, reader.info);
  header->bits = png_get_bit_depth(reader.png, reader.info);
  header->is_palette = color == PNG_COLOR_TYPE_PALETTE;
  header->has_alpha =
      (color & PNG_COLOR_MASK_ALPHA) || png_get_valid(reader.png, reader.info, PNG_INFO_tRNS);
  header->is_progressive =
      png_get_interlace_type(reader.png, reader.info) != PNG_INTERLACE_NONE;
  header->orientation = orientation_of(&reader);
  if (header->orientation == 1) header->orientation = late_orientation(bytes, count);
  close_reader(&reader);
  return 0;
}

// Reads all rows into `out`; the caller has set the jump target and the transformations.
static void read_rows(
    png_reader *reader, uint32_t width, uint32_t height, uint32_t channels, uint8_t *out) {
  reader->passes = png_set_interlace_handling(reader->png);
  png_read_update_info(reader->png, reader->info);
  size_t row_bytes = (size_t)width * channels;
  if (png_get_image_width(reader->png, reader->info) != width || reader->height != height ||
      png_get_rowbytes(reader->png, reader->info) != row_bytes) {
    png_error(reader->png, "the rows do not have the announced size");
  }
  reader->phase = IN_ROWS;
  for (reader->pass = 0; reader->pass < reader->passes; reader->pass++) {
    for (reader->row = 0; reader->row < height; reader->row++) {
      png_read_row(reader->png, out + reader->row * row_bytes, NULL);
    }
  }
  reader->phase = BEHIND_ROWS;
  png_read_end(reader->png, reader->info);
}

int cf_png_decode_rgb(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *pixels,
    uint32_t *orientation, char *message, size_t capacity) {
  png_reader reader = {
      .bytes = bytes, .count = count, .message = message, .capacity = capacity};
  if (open_reader(&reader)) return -1;
  if (setjmp(png_jmpbuf(reader.png))) {
    close_reader(&reader);
    return -1;
  }
  read_header(&reader);
  int color = png_get_color_type(reader.png, reader.info);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader.png);
  if (!(color & PNG_COLOR_MASK_COLOR)) {
    if (png_get_bit_depth(reader.png, reader.info) < 8) {
      png_set_expand_gray_1_2_4_to_8(reader.png);
    }
    png_set_gray_to_rgb(reader.png);
  }
  read_rows(&reader, width, height, 3, pixels);
  *orientation = orientation_of(&reader);
  close_reader(&reader);
  return 0;
}

int cf_png_decode_labels(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *labels,
    char *message, size_t capacity) {
  png_reader reader = {
      .bytes = bytes, .count = count, .message = message, .capacity = capacity};
  if (open_reader(&reader)) return -1;
  if (setjmp(png_jmpbuf(reader.png))) {
    close_reader(&reader);
    return -1;
  }
  read_header(&reader);
  int color = png_get_color_type(reader.png, reader.info);
  int bits = png_get_bit_depth(reader.png, reader.info);
  if (!(color == PNG_COLOR_TYPE_PALETTE || (color == PNG_COLOR_TYPE_GRAY && bits == 8))) {
    png_error(reader.png, "the samples are neither 8-bit gray nor palette indices");
  }
  // Packing only spreads small indices over bytes; their values stay.
  png_set_packing(reader.png);
  read_rows(&reader, width, height, 1, labels);
  close_reader(&reader);
  return 0;
}

typedef struct {
  png_structp png;
  png_infop info;
  uint8_t *bytes;
  size_t count, room;
  char *message;
  size_t capacity;
} png_writer;

static void fail_writing(png_structp png, png_const_charp text) {
  png_writer *writer = png_get_error_ptr(png);
  snprintf(writer->message, writer->capacity, "%s", text);
  png_longjmp(png, 1);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  png_writer *writer = png_get_io_ptr(png);
  if (count > writer->room - writer->count) {
    size_t room = (writer->count + count) * 2;
    uint8_t *grown = realloc(writer->bytes, room);
    if (!grown) png_error(png, "no memory for the encoded image");
    writer->bytes = grown;
    writer->room = room;
  }
  memcpy(writer->bytes + writer->count, bytes, count);
  writer->count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

int cf_png_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint8_t **encoded,
    size_t *encoded_count, char *message, size_t capacity) {
  png_writer writer = {.message = message, .capacity = capacity};
  writer.png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, fail_writing, ignore_warning);
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.png || !writer.info) {
    png_destroy_write_struct(&writer.png, &writer.info);
    snprintf(message, capacity, "no memory for the PNG encoder");
    return -1;
  }
  if (setjmp(png_jmpbuf(writer.png))) {
    png_destroy_write_struct(&writer.png, &writer.info);
    free(writer.bytes);
    return -1;
  }
  png_set_write_fn(writer.png, &writer, write_bytes, flush_nothing);
  png_set_user_limits(writer.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(
      writer.png, writer.info, width, height, 8,
      channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
      PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // Maps of labels are flat areas: filters only disturb the compressor.
  if (channels == 1) png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
  png_write_info(writer.png, writer.info);
  for (uint32_t row = 0; row < height; row++) {
    png_write_row(writer.png, pixels + (size_t)row * width * channels);
  }
  png_write_end(writer.png, writer.info);
  png_destroy_write_struct(&writer.png, &writer.info);
  *encoded = writer.bytes;
  *encoded_count = writer.count;
  return 0;
}

void cf_free(uint8_t *encoded) { free(encoded); }
