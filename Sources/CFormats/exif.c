// Finds one number in EXIF data: how the camera was held.

#include "images.h"

static uint32_t number(const uint8_t *at, int size, int big) {
  uint32_t value = 0;
  for (int i = 0; i < size; i++) value = value << 8 | at[big ? i : size - 1 - i];
  return value;
}

uint32_t cf_exif_orientation(const uint8_t *tiff, size_t count) {
  if (count < 14) return 0;
  int big;
  if (tiff[0] == 'I' && tiff[1] == 'I') {
    big = 0;
  } else if (tiff[0] == 'M' && tiff[1] == 'M') {
    big = 1;
  } else {
    return 0;
  }
  size_t directory = number(tiff + 4, 4, big);
  if (directory > count - 2) return 0;
  size_t entries = number(tiff + directory, 2, big);
  for (size_t i = 0; i < entries; i++) {
    size_t entry = directory + 2 + i * 12;
    if (entry + 12 > count) return 0;
    if (number(tiff + entry, 2, big) != 0x0112) continue;
    uint32_t type = number(tiff + entry + 2, 2, big);
    // A short (type 3) as the standard asks, or a long, which some writers use.
    uint32_t value = 0;
    if (type == 3) value = number(tiff + entry + 8, 2, big);
    if (type == 4) value = number(tiff + entry + 8, 4, big);
    return value >= 1 && value <= 8 ? value : 0;
  }
  return 0;
}
