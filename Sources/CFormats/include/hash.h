// Checksums: SHA-256 (libcrypto) and CRC-32 (zlib).
#pragma once
