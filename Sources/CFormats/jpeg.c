// JPEG through libjpeg-turbo's libjpeg interface.

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "images.h"

// Encoders write a dozen; each scan costs a walk over the whole image, so that a small file with
// many of them asks for hours of work.
enum { MOST_SCANS = 100 };

// Everything that must survive a longjmp lives here, not in locals.
typedef struct {
  struct jpeg_error_mgr errors;  // First, so that the library's pointer is ours.
  struct jpeg_decompress_struct decoder;
  struct jpeg_progress_mgr progress;
  jmp_buf target;
  int damage;
  enum { IN_HEADER, IN_SCANS, IN_ROWS } phase;
  JSAMPLE *ink_row;
  char *message;
  size_t capacity;
} jpeg_reader;

static void fail_reading(j_common_ptr common) {
  jpeg_reader *reader = (jpeg_reader *)common->err;
  char text[JMSG_LENGTH_MAX];
  if (common->err->msg_code == JWRN_JPEG_EOF || common->err->msg_code == JERR_INPUT_EOF ||
      common->err->msg_code == JERR_INPUT_EMPTY) {
    snprintf(text, sizeof text, "the file ends too early");
  } else {
    common->err->format_message(common, text);
  }
  switch (reader->phase) {
    case IN_HEADER:
      snprintf(reader->message, reader->capacity, "%s, in the header", text);
      break;
    case IN_SCANS:
      snprintf(
          reader->message, reader->capacity, "%s, in row %u of %u of scan %d", text,
          (uint32_t)(reader->decoder.input_iMCU_row * reader->decoder.max_v_samp_factor * DCTSIZE),
          reader->decoder.image_height, reader->decoder.input_scan_number);
      break;
    case IN_ROWS:
      snprintf(
          reader->message, reader->capacity, "%s, after row %u of %u", text,
          reader->decoder.output_scanline, reader->decoder.output_height);
      break;
  }
  longjmp(reader->target, 1);
}

static void note_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  jpeg_reader *reader = (jpeg_reader *)common->err;
  common->err->num_warnings++;
  switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
      fail_reading(common);
      break;
    // After these the decoder goes on with pixels it has invented.
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_ARITH_BAD_CODE:
      if (reader->damage == CF_DAMAGE_REFUSED) fail_reading(common);
      break;
    default:
      break;
  }
}

static void say_nothing(j_common_ptr common) { (void)common; }

static void watch_scans(j_common_ptr common) {
  jpeg_reader *reader = (jpeg_reader *)common->err;
  if (reader->decoder.input_scan_number > MOST_SCANS) {
    snprintf(
        reader->message, reader->capacity, "the file has more than %d progressive scans",
        MOST_SCANS);
    longjmp(reader->target, 1);
  }
}

// The caller has set the jump target.
static void read_header(jpeg_reader *reader, const uint8_t *bytes, size_t count) {
  jpeg_create_decompress(&reader->decoder);
  reader->progress.progress_monitor = watch_scans;
  reader->decoder.progress = &reader->progress;
  jpeg_mem_src(&reader->decoder, bytes, count);
  jpeg_save_markers(&reader->decoder, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&reader->decoder, TRUE);
  if (reader->decoder.num_components == 2 || reader->decoder.num_components > 4) {
    reader->decoder.err->msg_code = JERR_COMPONENT_COUNT;
    reader->decoder.err->msg_parm.i[0] = reader->decoder.num_components;
    reader->decoder.err->msg_parm.i[1] = 4;
    fail_reading((j_common_ptr)&reader->decoder);
  }
}

static void close_reader(jpeg_reader *reader) {
  jpeg_destroy_decompress(&reader->decoder);
  free(reader->ink_row);
}

static void prepare_reader(jpeg_reader *reader, char *message, size_t capacity) {
  memset(reader, 0, sizeof *reader);
  reader->message = message;
  reader->capacity = capacity;
  reader->decoder.err = jpeg_std_error(&reader->errors);
  reader->errors.error_exit = fail_reading;
  reader->errors.emit_message = note_message;
  reader->errors.output_message = say_nothing;
}

// The orientation in the first EXIF block, else in XMP data, else 1.
static uint32_t orientation_of(const struct jpeg_decompress_struct *decoder) {
  static const char exif[] = "Exif\0";
  static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
  for (jpeg_saved_marker_ptr marker = decoder->marker_list; marker; marker = marker->next) {
    if (marker->data_length > 6 && !memcmp(marker->data, exif, 6)) {
      uint32_t found = cf_exif_orientation(marker->data + 6, marker->data_length - 6);
      if (found) return found;
    }
  }
  static const char name[] = "tiff:Orientation";
  const size_t length = sizeof name - 1;
  for (jpeg_saved_marker_ptr marker = decoder->marker_list; marker; marker = marker->next) {
    if (marker->data_length < sizeof xmp || memcmp(marker->data, xmp, sizeof xmp)) continue;
    const uint8_t *at = marker->data + sizeof xmp;
    const uint8_t *end = marker->data + marker->data_length;
    for (; (size_t)(end - at) >= length + 3; at++) {
      if (memcmp(at, name, length)) continue;
      const uint8_t *value = at + length;  // ="6" as an attribute or >6 as an element
      value += value[0] == '=' && value[1] == '"' ? 2 : value[0] == '>' ? 1 : 0;
      if (value > at + length && *value >= '1' && *value <= '8') return *value - '0';
    }
  }
  return 1;
}

int cf_jpeg_inspect(
    const uint8_t *bytes, size_t count, cf_image_header *header, char *message, size_t capacity) {
  jpeg_reader reader;
  prepare_reader(&reader, message, capacity);
  if (setjmp(reader.target)) {
    close_reader(&reader);
    return -1;
  }
  read_header(&reader, bytes, count);
  memset(header, 0, sizeof *header);
  header->width = reader.decoder.image_width;
  header->height = reader.decoder.image_height;
  header->channels = reader.decoder.num_components;
  header->bits = reader.decoder.data_precision;
  header->is_cmyk = reader.decoder.num_components == 4;
  header->is_progressive = reader.decoder.progressive_mode;
  header->orientation = orientation_of(&reader.decoder);
  close_reader(&reader);
  return 0;
}

// One row of inverted inks (255 = none) to red, green, blue: v' = w - (255 - v)·w / 255, rounded,
// for each ink v under what the black ink w leaves.
static void invert_inks(const JSAMPLE *inks, uint32_t width, uint8_t *out) {
  for (uint32_t x = 0; x < width; x++) {
    int left = inks[4 * x + 3];
    for (int c = 0; c < 3; c++) {
      int product = (255 - inks[4 * x + c]) * left + 128;
      int value = left - (((product >> 8) + product) >> 8);
      out[3 * x + c] = value < 0 ? 0 : value;
    }
  }
}

int cf_jpeg_decode_rgb(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, int damage,
    uint8_t *pixels, char *message, size_t capacity) {
  jpeg_reader reader;
  prepare_reader(&reader, message, capacity);
  reader.damage = damage;
  if (setjmp(reader.target)) {
    close_reader(&reader);
    return -1;
  }
  read_header(&reader, bytes, count);
  struct jpeg_decompress_struct *decoder = &reader.decoder;
  int inks = decoder->num_components == 4;
  decoder->out_color_space = inks ? JCS_CMYK : JCS_RGB;
  decoder->dct_method = JDCT_ISLOW;
  decoder->do_fancy_upsampling = TRUE;
  // Several scans are read as a whole here, a single one row by row below.
  if (jpeg_has_multiple_scans(decoder)) reader.phase = IN_SCANS;
  jpeg_start_decompress(decoder);
  if (decoder->output_width != width || decoder->output_height != height) {
    snprintf(message, capacity, "the frame does not have the announced size");
    close_reader(&reader);
    return -1;
  }
  reader.phase = IN_ROWS;
  size_t row_bytes = (size_t)width * 3;
  if (inks) {
    reader.ink_row = malloc((size_t)width * 4);
    if (!reader.ink_row) {
      snprintf(message, capacity, "no memory for a row of %u pixels", width);
      close_reader(&reader);
      return -1;
    }
  }
  while (decoder->output_scanline < height) {
    uint32_t row = decoder->output_scanline;
    if (inks) {
      jpeg_read_scanlines(decoder, &reader.ink_row, 1);
      invert_inks(reader.ink_row, width, pixels + row * row_bytes);
    } else {
      JSAMPROW rows[8];
      uint32_t wanted = height - row < 8 ? height - row : 8;
      for (uint32_t i = 0; i < wanted; i++) rows[i] = pixels + (row + i) * row_bytes;
      jpeg_read_scanlines(decoder, rows, wanted);
    }
  }
  jpeg_finish_decompress(decoder);
  close_reader(&reader);
  return 0;
}

typedef struct {
  struct jpeg_error_mgr errors;
  struct jpeg_compress_struct encoder;
  jmp_buf target;
  unsigned char *bytes;
  unsigned long count;
  char *message;
  size_t capacity;
} jpeg_writer;

static void fail_writing(j_common_ptr common) {
  jpeg_writer *writer = (jpeg_writer *)common->err;
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  snprintf(writer->message, writer->capacity, "%s", text);
  longjmp(writer->target, 1);
}

int cf_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int quality, int chroma,
    uint8_t **encoded, size_t *encoded_count, char *message, size_t capacity) {
  jpeg_writer writer;
  memset(&writer, 0, sizeof writer);
  writer.message = message;
  writer.capacity = capacity;
  writer.encoder.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = fail_writing;
  writer.errors.output_message = say_nothing;
  if (setjmp(writer.target)) {
    jpeg_destroy_compress(&writer.encoder);
    free(writer.bytes);
    return -1;
  }
  jpeg_create_compress(&writer.encoder);
  jpeg_mem_dest(&writer.encoder, &writer.bytes, &writer.count);
  writer.encoder.image_width = width;
  writer.encoder.image_height = height;
  writer.encoder.input_components = 3;
  writer.encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&writer.encoder);
  jpeg_set_quality(&writer.encoder, quality, TRUE);
  writer.encoder.dct_method = JDCT_ISLOW;
  int factor = chroma == CF_CHROMA_420 ? 2 : 1;
  writer.encoder.comp_info[0].h_samp_factor = factor;
  writer.encoder.comp_info[0].v_samp_factor = factor;
  jpeg_start_compress(&writer.encoder, TRUE);
  while (writer.encoder.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)writer.encoder.next_scanline * width * 3);
    jpeg_write_scanlines(&writer.encoder, &row, 1);
  }
  jpeg_finish_compress(&writer.encoder);
  jpeg_destroy_compress(&writer.encoder);
  *encoded = writer.bytes;
  *encoded_count = writer.count;
  return 0;
}
