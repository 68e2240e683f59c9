// Checksums: SHA-256 (libcrypto) and CRC-32 (zlib).
#pragma once
#include <stddef.h>
#include <stdint.h>

// An opaque running SHA-256; NULL when there is no memory.
void *cf_sha256_begin(void);
void cf_sha256_update(void *state, const void *bytes, size_t count);
// Writes 32 bytes and releases the state.
void cf_sha256_finish(void *state, uint8_t *digest);

uint32_t cf_crc32(uint32_t start, const void *bytes, size_t count);

// Inflates raw deflate data of known size; returns 0 on success.
int cf_inflate(const uint8_t *bytes, size_t count, uint8_t *out, size_t size);
