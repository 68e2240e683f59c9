// Images: JPEG (libjpeg-turbo) and PNG (libpng), from and to memory.
//
// Every function returns 0 when it is done and another value when not; then `message` holds what
// is wrong and where, as the rest of a sentence without a full stop. Nothing here knows of files.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// What the header of an image says.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint32_t channels;       ///< As stored: 1 gray or palette, 2 gray + alpha, 3, 4.
  uint32_t bits;           ///< Bits a stored sample: 1, 2, 4, 8, 16.
  uint32_t orientation;    ///< EXIF orientation 1...8; 1 where the header has none.
  uint8_t is_palette;      ///< PNG: samples are indices of a colour table.
  uint8_t has_alpha;       ///< PNG: an alpha channel or a transparent colour.
  uint8_t is_cmyk;         ///< JPEG: four inks (CMYK or YCCK).
  uint8_t is_progressive;  ///< JPEG: progressive; PNG: interlaced.
} cf_image_header;

/// How much damage inside the entropy-coded data of a JPEG a decoder puts up with.
enum {
  CF_DAMAGE_REFUSED = 0,   ///< Any pixel that the decoder had to invent is an error.
  CF_DAMAGE_ACCEPTED = 1,  ///< Only a file that ends too early is an error.
};

/// How chroma is stored in a JPEG.
enum { CF_CHROMA_444 = 0, CF_CHROMA_420 = 1 };

int cf_png_inspect(
    const uint8_t *bytes, size_t count, cf_image_header *header, char *message, size_t capacity);

/// Decodes to red, green, blue of 8 bits: palettes looked up, gray replicated, 16 bits cut to their
/// high byte, alpha dropped, no gamma. `pixels` holds width * height * 3 bytes of the header; a
/// header that disagrees is an error. `orientation` also sees EXIF data behind the pixels.
int cf_png_decode_rgb(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *pixels,
    uint32_t *orientation, char *message, size_t capacity);

/// Decodes one value a pixel, exactly as stored: 8-bit gray or palette indices of 1...8 bits.
int cf_png_decode_labels(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, uint8_t *labels,
    char *message, size_t capacity);

/// Encodes 8-bit rows of 1 (gray) or 3 (RGB) channels; `*encoded` is released with `cf_free`.
int cf_png_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint8_t **encoded,
    size_t *encoded_count, char *message, size_t capacity);

int cf_jpeg_inspect(
    const uint8_t *bytes, size_t count, cf_image_header *header, char *message, size_t capacity);

/// Decodes to red, green, blue of 8 bits with the accurate integer DCT and smooth ("fancy") chroma
/// upsampling. Four-ink files are taken as inverted, as Adobe writes them.
int cf_jpeg_decode_rgb(
    const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, int damage,
    uint8_t *pixels, char *message, size_t capacity);

/// Encodes 8-bit RGB rows as baseline JPEG; `*encoded` is released with `cf_free`.
int cf_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int quality, int chroma,
    uint8_t **encoded, size_t *encoded_count, char *message, size_t capacity);

/// The orientation 1...8 that a block of EXIF data (starting with its TIFF header) names, or 0.
uint32_t cf_exif_orientation(const uint8_t *tiff, size_t count);

/// Releases what an encoder returned.
void cf_free(uint8_t *encoded);
