#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli), as in RFC 3720 and the SSE4.2 `crc32` instruction.
/// `seed` is the checksum of the bytes before these, 0 at the start.
uint32_t wolfscale_crc32c(uint32_t seed, const void *bytes, size_t count);
