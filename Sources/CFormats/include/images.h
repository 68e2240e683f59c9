// Images: JPEG (libjpeg-turbo) and PNG (libpng), from and to memory.
//
// Every function returns 0, or 1 with a sentence fragment in `message`. Colour conversion follows
// the usual loaders: alpha is dropped, not composited; 16-bit samples keep their high byte; no
// gamma is ever applied.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CF_JPEG = 1, CF_PNG = 2 };

typedef struct {
  int format;
  int width, height;
  int channels;        // as stored: 1 gray or palette, 2 gray + alpha, 3, 4
  int bits;            // bits a sample, as stored
  int is_cmyk;
  int is_palette;
  int is_progressive;  // progressive JPEG or interlaced PNG
  int orientation;     // EXIF, 1...8
} cf_image_header;

// Reads the header alone. The type is told by the bytes, never by a name.
int cf_image_inspect(const uint8_t *bytes, size_t count, cf_image_header *header, char *message,
                     size_t capacity);

// Decodes to 8-bit RGB, `width * height * 3` bytes as the header says.
int cf_image_decode_rgb(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t size,
                        char *message, size_t capacity);

// Decodes the stored 8-bit (or smaller) gray values or palette indices of a PNG, unchanged.
int cf_png_decode_labels(const uint8_t *bytes, size_t count, uint8_t *labels, size_t size,
                         char *message, size_t capacity);

// Encodes 8-bit samples, `channels` 1 or 3. `*bytes` is malloc'ed; release it with cf_free.
int cf_png_encode(const uint8_t *pixels, int width, int height, int channels, uint8_t **bytes,
                  size_t *count, char *message, size_t capacity);

// Encodes RGB at a quality of 1...100; `subsamples` chooses 4:2:0 over 4:4:4.
int cf_jpeg_encode(const uint8_t *pixels, int width, int height, int quality, int subsamples,
                   uint8_t **bytes, size_t *count, char *message, size_t capacity);

void cf_free(void *pointer);
