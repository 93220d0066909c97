// Numbers of whole vectors of short texts, a text in one register.
#ifndef MARTLET_CELLS_H
#define MARTLET_CELLS_H

#include <stddef.h>
#include <stdint.h>

/// Whether the processor has what the two functions below need; they must not be called otherwise.
int martlet_has_cell_parsers(void);

/// Parses texts `first`, `first + 1`, … as whole numbers for as long as they are plain: an optional `-`, then 1 to
/// 15 digits, no leading zero, no `-0`. Gives the index of the first that is not, or `count`.
///
/// 16 bytes from the address of each text are readable. Where `valid` is not NULL, texts with a 0 there are nulls:
/// they give 0 and are never looked at.
size_t martlet_parse_plain_ints(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    int64_t *values);

/// The same for real numbers: an optional `-`, then at most 15 digits, of which one or more stand before and, where
/// there is a point, behind it; no leading zero before another digit. The results are exact.
size_t martlet_parse_plain_doubles(
    const uint8_t *const *texts, const uint32_t *lengths, const uint8_t *valid, size_t first, size_t count,
    double *values);

#endif
