#include "hash.h"

#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

void *cf_sha256_begin(void) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
    EVP_MD_CTX_free(context);
    return NULL;
  }
  return context;
}

void cf_sha256_update(void *state, const void *bytes, size_t count) {
  if (state) EVP_DigestUpdate(state, bytes, count);
}

void cf_sha256_finish(void *state, uint8_t *digest) {
  memset(digest, 0, 32);
  if (!state) return;
  EVP_DigestFinal_ex(state, digest, NULL);
  EVP_MD_CTX_free(state);
}

uint32_t cf_crc32(uint32_t start, const void *bytes, size_t count) {
  return (uint32_t)crc32_z(start, bytes, count);
}

int cf_inflate(const uint8_t *bytes, size_t count, uint8_t *out, size_t size) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (count > UINT32_MAX || size > UINT32_MAX || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return 1;
  stream.next_in = (Bytef *)bytes;
  stream.avail_in = (uInt)count;
  stream.next_out = out;
  stream.avail_out = (uInt)size;
  int status = inflate(&stream, Z_FINISH);
  size_t left = stream.avail_out;
  inflateEnd(&stream);
  return status == Z_STREAM_END && left == 0 ? 0 : 1;
}
