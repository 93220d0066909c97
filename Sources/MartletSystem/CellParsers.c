#include "MartletCells.h"

#include "MartletPowers.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,popcnt")))

// Places of a text in a register, so that loading 16 of them from entry `length` on moves the text's last byte to the
// register's last; what lies before the text becomes zero (0x80 does that in a shuffle).
static const uint8_t places[32] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                   0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
                                   6,    7,    8,    9,    10,   11,   12,   13,   14,   15};
// Clears the place of a sign.
static const uint8_t unsigned_masks[2][16] = {
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
    {0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};

/// The digits of the text as numbers, without its sign, right-aligned in the order that `shuffle` gives.
TARGET static inline __m128i digits_of(const uint8_t *text, uint32_t is_negative, __m128i shuffle) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  __m128i numbers = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  numbers = _mm_and_si128(numbers, _mm_loadu_si128((const __m128i *)unsigned_masks[is_negative]));
  return _mm_shuffle_epi8(numbers, shuffle);
}

TARGET static inline int are_digits(__m128i digits) {
  __m128i beyond = _mm_subs_epu8(digits, _mm_set1_epi8(9));
  return _mm_testz_si128(beyond, beyond);
}

/// The number that sixteen digits spell: pairs, fours, eights (Mula and Lemire's multiply-add tree).
TARGET static inline uint64_t value_of(__m128i digits) {
  __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(10 | 1 << 8));
  __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | 1 << 16));
  __m128i packed = _mm_packus_epi32(fours, fours);
  __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(10000 | 1 << 16));
  uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
  return (both & 0xffffffff) * 100000000 + (both >> 32);
}

int martlet_has_cell_parsers(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
}

TARGET size_t martlet_parse_plain_ints(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    int64_t *values) {
  for (size_t i = first; i < count; i++) {
    if (valid && !valid[i]) {
      values[i] = 0;
      continue;
    }
    const uint8_t *text = texts[i];
    uint32_t length = lengths[i];
    uint32_t is_negative = text[0] == '-';
    uint32_t n = length - is_negative;
    if (__builtin_expect(n - 1 >= 15, 0)) return i;
    if (__builtin_expect(text[is_negative] == '0', 0) && length != 1) return i;
    __m128i shuffle = _mm_loadu_si128((const __m128i *)(places + length));
    __m128i digits = digits_of(text, is_negative, shuffle);
    if (__builtin_expect(!are_digits(digits), 0)) return i;
    uint64_t sign = 0 - (uint64_t)is_negative;
    values[i] = (int64_t)((value_of(digits) ^ sign) - sign);
  }
  return count;
}

TARGET size_t martlet_parse_plain_doubles(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    double *values) {
  for (size_t i = first; i < count; i++) {
    if (valid && !valid[i]) {
      values[i] = 0;
      continue;
    }
    const uint8_t *text = texts[i];
    uint32_t length = lengths[i];
    uint32_t is_negative = text[0] == '-';
    if (__builtin_expect(length - 1 >= 16, 0)) return i;
    __m128i bytes = _mm_loadu_si128((const __m128i *)text);
    uint32_t points = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
    // Only a point inside the text counts; one past it is as good as none.
    uint32_t point = _tzcnt_u32(points | 1u << length);
    uint32_t whole = point - is_negative;
    uint32_t has_point = point < length;
    uint32_t fraction = length - point - has_point;
    if (__builtin_expect((has_point & (fraction == 0)) | (whole - 1 >= 15) | (whole + fraction > 15), 0)) return i;
    if (__builtin_expect(text[is_negative] == '0', 0) && whole != 1) return i;
    // Places up to the point's come from one place before, which squeezes the point out.
    __m128i shuffle = _mm_loadu_si128((const __m128i *)(places + length));
    int border = has_point ? (int)point + 1 : 0;
    shuffle = _mm_adds_epi8(shuffle, _mm_cmpgt_epi8(_mm_set1_epi8((char)border), shuffle));
    __m128i digits = digits_of(text, is_negative, shuffle);
    if (__builtin_expect(!are_digits(digits), 0)) return i;
    // Both numbers are below 2^53 and exact, so the quotient is the correctly rounded one (Clinger 1990).
    double value = _mm_cvtsd_f64(_mm_cvtsi64_sd(_mm_setzero_pd(), (int64_t)value_of(digits)));
    value /= martlet_power_of_ten(fraction);
    values[i] = is_negative ? -value : value;
  }
  return count;
}

#else

int martlet_has_cell_parsers(void) { return 0; }

size_t martlet_parse_plain_ints(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    int64_t *values) {
  (void)texts, (void)lengths, (void)valid, (void)count, (void)values;
  return first;
}

size_t martlet_parse_plain_doubles(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    double *values) {
  (void)texts, (void)lengths, (void)valid, (void)count, (void)values;
  return first;
}

#endif
