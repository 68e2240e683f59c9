#include "jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

// libjpeg reports through callbacks; fatal errors jump back, warnings that mean lost picture data
// are kept and make the decode fail: half an image is not an image.
typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char text[JMSG_LENGTH_MAX];
  int is_damaged;
} error_state;

static void on_error(j_common_ptr info) {
  error_state *state = (error_state *)info->err;
  info->err->format_message(info, state->text);
  longjmp(state->jump, 1);
}

static void on_message(j_common_ptr info, int level) {
  error_state *state = (error_state *)info->err;
  if (level >= 0 || state->is_damaged) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC:
      state->is_damaged = 1;
      info->err->format_message(info, state->text);
      break;
    default: break;  // extraneous bytes, odd JFIF versions: the picture is whole
  }
}

static void on_output(j_common_ptr info) { (void)info; }

static void prepare(struct jpeg_decompress_struct *info, error_state *state) {
  memset(info, 0, sizeof *info);
  memset(state, 0, sizeof *state);
  info->err = jpeg_std_error(&state->base);
  state->base.error_exit = on_error;
  state->base.emit_message = on_message;
  state->base.output_message = on_output;
}

// The EXIF orientation in an APP1 segment, or 0.
static int exif_orientation(const uint8_t *p, size_t n) {
  if (n < 14 || memcmp(p, "Exif\0\0", 6) != 0) return 0;
  p += 6;
  n -= 6;
  int little = p[0] == 'I';
  if (!little && p[0] != 'M') return 0;
#define U16(at) (little ? p[at] | p[(at) + 1] << 8 : p[at] << 8 | p[(at) + 1])
#define U32(at) (little ? (uint32_t)U16(at) | (uint32_t)U16((at) + 2) << 16 \
                        : (uint32_t)U16(at) << 16 | (uint32_t)U16((at) + 2))
  size_t at = U32(4);
  if (at > n || n - at < 2) return 0;
  int entries = U16(at);
  at += 2;
  for (int i = 0; i < entries && at + 12 <= n; i++, at += 12) {
    if (U16(at) == 0x0112 && U16(at + 2) == 3) {
      int value = U16(at + 8);
      return value >= 1 && value <= 8 ? value : 0;
    }
  }
  return 0;
#undef U16
#undef U32
}

int cf_jpeg_inspect(const uint8_t *bytes, size_t count, cf_image_header *header, char *message,
                    size_t capacity) {
  struct jpeg_decompress_struct info;
  error_state state;
  prepare(&info, &state);
  if (setjmp(state.jump)) {
    snprintf(message, capacity, "is a damaged JPEG (%s)", state.text);
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, count);
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&info, TRUE);
  header->format = CF_JPEG;
  header->width = (int)info.image_width;
  header->height = (int)info.image_height;
  header->channels = info.num_components;
  header->bits = info.data_precision;
  header->is_cmyk = info.num_components == 4;
  header->is_palette = 0;
  header->is_progressive = info.progressive_mode;
  header->orientation = 1;
  for (jpeg_saved_marker_ptr m = info.marker_list; m; m = m->next) {
    int value = m->marker == JPEG_APP0 + 1 ? exif_orientation(m->data, m->data_length) : 0;
    if (value) {
      header->orientation = value;
      break;
    }
  }
  jpeg_destroy_decompress(&info);
  return 0;
}

// Inverted CMYK, as every writer stores it, to RGB in 8-bit arithmetic with rounding.
static void cmyk_row(const uint8_t *in, uint8_t *out, int width) {
  for (int x = 0; x < width; x++, in += 4, out += 3) {
    int white = in[3];
    for (int c = 0; c < 3; c++) {
      int t = (255 - in[c]) * white + 128;
      int v = white - (((t >> 8) + t) >> 8);
      out[c] = (uint8_t)(v < 0 ? 0 : v);
    }
  }
}

int cf_jpeg_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t size, char *message,
                   size_t capacity) {
  struct jpeg_decompress_struct info;
  error_state state;
  uint8_t *volatile line = NULL;
  prepare(&info, &state);
  if (setjmp(state.jump)) {
    snprintf(message, capacity, "is a damaged JPEG at row %u of %u (%s)", info.output_scanline,
             info.image_height, state.text);
    free(line);
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, count);
  jpeg_read_header(&info, TRUE);
  int is_cmyk = info.num_components == 4;
  info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info);
  size_t row = (size_t)info.output_width * 3;
  if (row * info.output_height != size) {
    snprintf(message, capacity, "changed its size while it was read");
    jpeg_destroy_decompress(&info);
    return 1;
  }
  if (is_cmyk) {
    line = malloc((size_t)info.output_width * 4);
    if (!line) {
      snprintf(message, capacity, "needs more memory than there is");
      jpeg_destroy_decompress(&info);
      return 1;
    }
  }
  while (info.output_scanline < info.output_height) {
    unsigned at = info.output_scanline;
    JSAMPROW target = is_cmyk ? line : pixels + at * row;
    jpeg_read_scanlines(&info, &target, 1);
    if (is_cmyk) cmyk_row(line, pixels + at * row, (int)info.output_width);
    if (state.is_damaged) {
      snprintf(message, capacity, "is cut off or damaged at row %u of %u (%s)", at,
               info.output_height, state.text);
      free(line);
      jpeg_destroy_decompress(&info);
      return 1;
    }
  }
  jpeg_finish_decompress(&info);
  free(line);
  jpeg_destroy_decompress(&info);
  return 0;
}

int cf_jpeg_encode(const uint8_t *pixels, int width, int height, int quality, int subsamples,
                   uint8_t **bytes, size_t *count, char *message, size_t capacity) {
  struct jpeg_compress_struct info;
  error_state state;
  unsigned char *volatile buffer = NULL;
  unsigned long length = 0;
  memset(&info, 0, sizeof info);
  memset(&state, 0, sizeof state);
  info.err = jpeg_std_error(&state.base);
  state.base.error_exit = on_error;
  state.base.output_message = on_output;
  if (setjmp(state.jump)) {
    snprintf(message, capacity, "could not be encoded (%s)", state.text);
    jpeg_destroy_compress(&info);
    free(buffer);
    return 1;
  }
  jpeg_create_compress(&info);
  unsigned char *memory = NULL;
  jpeg_mem_dest(&info, &memory, &length);
  info.image_width = (JDIMENSION)width;
  info.image_height = (JDIMENSION)height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (!subsamples) info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW line = (JSAMPROW)(pixels + (size_t)info.next_scanline * (size_t)width * 3);
    jpeg_write_scanlines(&info, &line, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  buffer = memory;
  *bytes = buffer;
  *count = length;
  return 0;
}
