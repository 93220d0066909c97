#include "MartletCSV.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Any processor: eight bytes a step in ordinary registers.

static inline uint64_t load64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/// A bit for each of the eight bytes that equals the byte in `pattern`; exact, no carry between bytes.
static inline uint64_t equal8(uint64_t word, uint64_t pattern) {
  const uint64_t low = 0x7f7f7f7f7f7f7f7full;
  uint64_t different = word ^ pattern;
  uint64_t zero = ~(((different & low) + low) | different | low);
  return ((zero >> 7) * 0x0102040810204080ull) >> 56;
}

static inline uint64_t equal64(const uint8_t *p, uint64_t pattern) {
  uint64_t mask = 0;
  for (int i = 0; i < 8; i++) mask |= equal8(load64(p + 8 * i), pattern) << (8 * i);
  return mask;
}

static inline uint64_t prefix_xor(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  bits ^= bits << 32;
  return bits;
}

static inline __attribute__((always_inline)) uint32_t *write_each(uint32_t *out, uint64_t mask, uint32_t base) {
  while (mask) {
    *out++ = base + (uint32_t)__builtin_ctzll(mask);
    mask &= mask - 1;
  }
  return out;
}

#define REPEATED(byte) (0x0101010101010101ull * (uint8_t)(byte))
#define KERNEL_NAME index_portable
#define KERNEL_TARGET
#define KERNEL_SETUP \
  const uint64_t d8 = REPEATED(delimiter), q8 = REPEATED(quote_byte), f8 = REPEATED('\n'), r8 = REPEATED('\r');
#define KERNEL_MASKS(p)        \
  delimiters = equal64(p, d8); \
  feeds = equal64(p, f8);      \
  returns = equal64(p, r8);    \
  quotes = equal64(p, q8);
#define KERNEL_PREFIX_XOR(q) prefix_xor(q)
#define KERNEL_WRITE(out, mask, base) write_each(out, mask, base)
#define KERNEL_POPCOUNT(m) __builtin_popcountll(m)
#include "CSVIndexKernel.h"

#if defined(__x86_64__)

static inline uint64_t equal64_sse2(__m128i a, __m128i b, __m128i c, __m128i d, __m128i pattern) {
  uint64_t m0 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, pattern));
  uint64_t m1 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, pattern));
  uint64_t m2 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, pattern));
  uint64_t m3 = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(d, pattern));
  return m0 | m1 << 16 | m2 << 32 | m3 << 48;
}

#define KERNEL_NAME index_sse2
#define KERNEL_TARGET
#define KERNEL_SETUP                                                                                \
  const __m128i d16 = _mm_set1_epi8((char)delimiter), q16 = _mm_set1_epi8((char)quote_byte),        \
                f16 = _mm_set1_epi8('\n'), r16 = _mm_set1_epi8('\r');
#define KERNEL_MASKS(p)                                      \
  __m128i a = _mm_loadu_si128((const __m128i *)(p));         \
  __m128i b = _mm_loadu_si128((const __m128i *)((p) + 16));  \
  __m128i c = _mm_loadu_si128((const __m128i *)((p) + 32));  \
  __m128i d = _mm_loadu_si128((const __m128i *)((p) + 48));  \
  delimiters = equal64_sse2(a, b, c, d, d16);                \
  feeds = equal64_sse2(a, b, c, d, f16);                     \
  returns = equal64_sse2(a, b, c, d, r16);                   \
  quotes = equal64_sse2(a, b, c, d, q16);
#define KERNEL_PREFIX_XOR(q) prefix_xor(q)
#define KERNEL_WRITE(out, mask, base) write_each(out, mask, base)
#define KERNEL_POPCOUNT(m) __builtin_popcountll(m)
#include "CSVIndexKernel.h"

#define TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))

TARGET_AVX2 static inline uint64_t equal64_avx2(__m256i a, __m256i b, __m256i pattern) {
  uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, pattern));
  uint64_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, pattern));
  return low | high << 32;
}

TARGET_AVX2 static inline uint64_t prefix_xor_clmul(uint64_t bits) {
  __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xff), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

// Writes eight positions whether there are so many or not: no branch that depends on the number.
TARGET_AVX2 static inline uint32_t *write_avx2(uint32_t *out, uint64_t mask, uint32_t base) {
  uint32_t count = (uint32_t)__builtin_popcountll(mask);
  for (int i = 0; i < 8; i++) {
    out[i] = base + (uint32_t)_tzcnt_u64(mask);
    mask = _blsr_u64(mask);
  }
  if (__builtin_expect(count > 8, 0)) {
    for (int i = 8; i < 16; i++) {
      out[i] = base + (uint32_t)_tzcnt_u64(mask);
      mask = _blsr_u64(mask);
    }
    for (uint32_t i = 16; i < count; i++) {
      out[i] = base + (uint32_t)_tzcnt_u64(mask);
      mask = _blsr_u64(mask);
    }
  }
  return out + count;
}

#define KERNEL_NAME index_avx2
#define KERNEL_TARGET TARGET_AVX2
#define KERNEL_SETUP                                                                                \
  const __m256i d32 = _mm256_set1_epi8((char)delimiter), q32 = _mm256_set1_epi8((char)quote_byte),  \
                f32 = _mm256_set1_epi8('\n'), r32 = _mm256_set1_epi8('\r');
#define KERNEL_MASKS(p)                                        \
  __m256i a = _mm256_loadu_si256((const __m256i *)(p));        \
  __m256i b = _mm256_loadu_si256((const __m256i *)((p) + 32)); \
  delimiters = equal64_avx2(a, b, d32);                        \
  feeds = equal64_avx2(a, b, f32);                             \
  returns = equal64_avx2(a, b, r32);                           \
  quotes = equal64_avx2(a, b, q32);
#define KERNEL_PREFIX_XOR(q) prefix_xor_clmul(q)
#define KERNEL_WRITE(out, mask, base) write_avx2(out, mask, base)
#define KERNEL_POPCOUNT(m) __builtin_popcountll(m)
#include "CSVIndexKernel.h"

#define TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,popcnt,pclmul")))

TARGET_AVX512 static inline uint64_t prefix_xor_clmul512(uint64_t bits) {
  __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xff), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

// Packs the numbers of the set bits in a register (a compressing store to memory is slow on Zen 4), then widens them.
TARGET_AVX512 static inline uint32_t *write_avx512(uint32_t *out, uint64_t mask, uint32_t base, __m512i numbers) {
  uint32_t count = (uint32_t)__builtin_popcountll(mask);
  __m512i packed = _mm512_maskz_compress_epi8(mask, numbers);
  __m512i offset = _mm512_set1_epi32((int)base);
  _mm512_storeu_si512(out, _mm512_add_epi32(offset, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed))));
  if (__builtin_expect(count > 16, 0)) {
    _mm512_storeu_si512(
        out + 16, _mm512_add_epi32(offset, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 1))));
    if (count > 32) {
      _mm512_storeu_si512(
          out + 32, _mm512_add_epi32(offset, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 2))));
      _mm512_storeu_si512(
          out + 48, _mm512_add_epi32(offset, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 3))));
    }
  }
  return out + count;
}

#define KERNEL_NAME index_avx512
#define KERNEL_TARGET TARGET_AVX512
#define KERNEL_SETUP                                                                                 \
  const __m512i d64 = _mm512_set1_epi8((char)delimiter), q64 = _mm512_set1_epi8((char)quote_byte),   \
                f64 = _mm512_set1_epi8('\n'), r64 = _mm512_set1_epi8('\r');                          \
  static const uint8_t numbers_of_bits[64] = {                                                       \
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,        \
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,        \
      44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};               \
  const __m512i numbers = _mm512_loadu_si512(numbers_of_bits);
#define KERNEL_MASKS(p)                              \
  __m512i a = _mm512_loadu_si512(p);                 \
  delimiters = _mm512_cmpeq_epi8_mask(a, d64);       \
  feeds = _mm512_cmpeq_epi8_mask(a, f64);            \
  returns = _mm512_cmpeq_epi8_mask(a, r64);          \
  quotes = _mm512_cmpeq_epi8_mask(a, q64);
#define KERNEL_PREFIX_XOR(q) prefix_xor_clmul512(q)
#define KERNEL_WRITE(out, mask, base) write_avx512(out, mask, base, numbers)
#define KERNEL_POPCOUNT(m) __builtin_popcountll(m)
#include "CSVIndexKernel.h"

#endif

int martlet_csv_best_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
  if (!avx2) return MARTLET_CSV_SSE2;
  int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vbmi2");
  return avx512 ? MARTLET_CSV_AVX512 : MARTLET_CSV_AVX2;
#else
  return MARTLET_CSV_PORTABLE;
#endif
}

martlet_csv_index_t martlet_csv_index(
    const uint8_t *bytes, uint32_t count, uint8_t delimiter, int quote, uint32_t *positions, uint32_t capacity,
    int level) {
  switch (level) {
#if defined(__x86_64__)
  case MARTLET_CSV_AVX512: return index_avx512(bytes, count, delimiter, quote, positions, capacity);
  case MARTLET_CSV_AVX2: return index_avx2(bytes, count, delimiter, quote, positions, capacity);
  case MARTLET_CSV_SSE2: return index_sse2(bytes, count, delimiter, quote, positions, capacity);
#endif
  default: return index_portable(bytes, count, delimiter, quote, positions, capacity);
  }
}

int martlet_csv_is_strided(const uint8_t *bytes, const uint32_t *positions, uint32_t records, uint32_t columns) {
  uint32_t different = 0;
  const uint32_t *position = positions + columns - 1;
  for (uint32_t i = 0; i < records; i++, position += columns) different |= bytes[*position] ^ (uint32_t)'\n';
  return different == 0;
}

uint32_t martlet_csv_strided_prefix(
    const uint8_t *bytes, const uint32_t *positions, uint32_t separators, uint32_t columns) {
  uint32_t records = 0;
  for (uint32_t first = 0; separators - first >= columns; first += columns, records++) {
    for (uint32_t i = 0; i + 1 < columns; i++)
      if (bytes[positions[first + i]] == '\n') return records;
    if (bytes[positions[first + columns - 1]] != '\n') return records;
  }
  return records;
}

uint32_t martlet_csv_records_before(
    const uint8_t *bytes, const uint32_t *positions, uint32_t records, uint32_t columns, uint8_t byte) {
  if (records == 0 || bytes[0] == byte) return 0;
  const uint32_t *position = positions + columns - 1;
  for (uint32_t i = 1; i < records; i++, position += columns)
    if (bytes[*position + 1] == byte) return i;
  return records;
}

size_t martlet_csv_ascii_prefix(const uint8_t *bytes, size_t count) {
  size_t i = 0;
  while (i + 8 <= count && (load64(bytes + i) & 0x8080808080808080ull) == 0) i += 8;
  while (i < count && bytes[i] < 0x80) i++;
  return i;
}

size_t martlet_csv_line_ends(const uint8_t *bytes, size_t count, int *after_return) {
  size_t ends = 0;
  int previous = *after_return;
  for (size_t i = 0; i < count; i++) {
    int is_return = bytes[i] == '\r';
    ends += (size_t)(is_return | ((bytes[i] == '\n') & !previous));
    previous = is_return;
  }
  *after_return = previous;
  return ends;
}
