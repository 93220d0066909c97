// Finding the separators of CSV text, 64 bytes at a time.
#ifndef MARTLET_CSV_H
#define MARTLET_CSV_H

#include <stddef.h>
#include <stdint.h>

/// The instructions that the indexer may use. A level that the processor lacks is never chosen.
enum {
  MARTLET_CSV_PORTABLE = 0,
  MARTLET_CSV_SSE2 = 1,
  MARTLET_CSV_AVX2 = 2,
  MARTLET_CSV_AVX512 = 3,
};

/// What the indexer met, as bits of `martlet_csv_index_t.flags`.
enum {
  /// At least one quote.
  MARTLET_CSV_QUOTES = 1,
  /// At least one doubled quote inside a quoted field.
  MARTLET_CSV_DOUBLED = 2,
  /// At least one carriage return outside quotes.
  MARTLET_CSV_RETURNS = 4,
  /// A quote in the middle of an unquoted field, something behind a closing quote, or a carriage return without
  /// its line feed: the positions cover a prefix of the text, what follows has to be read byte by byte.
  MARTLET_CSV_IRREGULAR = 8,
  /// `capacity` was too small: the positions cover a prefix of the text.
  MARTLET_CSV_TRUNCATED = 16,
};

typedef struct {
  /// Positions written, up to and with the last line feed outside quotes; further ones are not counted.
  uint32_t separators;
  /// Line feeds outside quotes.
  uint32_t records;
  uint32_t flags;
} martlet_csv_index_t;

/// The best level of this processor.
int martlet_csv_best_level(void);

/// Writes the positions of all delimiters and line feeds outside quotes.
///
/// `bytes` starts a record; at least 64 bytes past `count` must be readable. `quote` is negative for none.
/// `positions` has room for `capacity` + 128 values. Cost: one pass, no branch a byte.
martlet_csv_index_t martlet_csv_index(
    const uint8_t *bytes, uint32_t count, uint8_t delimiter, int quote, uint32_t *positions, uint32_t capacity,
    int level);

/// Whether every record has `columns` fields: each position that ends a record is a line feed's.
///
/// `index` came from `martlet_csv_index` for the same `bytes`; its records times `columns` equals its separators.
int martlet_csv_is_strided(const uint8_t *bytes, const uint32_t *positions, uint32_t records, uint32_t columns);

/// The number of records with `columns` fields before the first that has another number.
uint32_t martlet_csv_strided_prefix(
    const uint8_t *bytes, const uint32_t *positions, uint32_t separators, uint32_t columns);

/// The number of records before the first that starts with `byte` (a comment does); `records` when none does.
uint32_t martlet_csv_records_before(
    const uint8_t *bytes, const uint32_t *positions, uint32_t records, uint32_t columns, uint8_t byte);

/// The number of bytes before the first of 0x80 or more.
size_t martlet_csv_ascii_prefix(const uint8_t *bytes, size_t count);

/// The number of line ends in `bytes`: LF, CRLF as one, CR. `*after_return` says whether the byte before was a CR
/// and is updated for the next piece.
size_t martlet_csv_line_ends(const uint8_t *bytes, size_t count, int *after_return);

#endif
