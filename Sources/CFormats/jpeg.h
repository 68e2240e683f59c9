// The JPEG half of images.h.
#pragma once
#include "images.h"

int cf_jpeg_inspect(const uint8_t *bytes, size_t count, cf_image_header *header, char *message,
                    size_t capacity);
int cf_jpeg_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t size, char *message,
                   size_t capacity);
