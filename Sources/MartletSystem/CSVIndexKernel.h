// The indexer's loop, compiled once a level. The including file defines KERNEL_NAME, KERNEL_TARGET,
// KERNEL_MASKS(p) (sets `delimiters`, `feeds`, `returns`, `quotes`), KERNEL_PREFIX_XOR(q), KERNEL_SETUP,
// KERNEL_WRITE(out, mask, base) (gives the new `out`), and KERNEL_POPCOUNT(m).
//
// Quotes: bit i of `inside` is the parity of the quotes up to and with i (Langdale and Lemire, Parsing Gigabytes of
// JSON per Second, 2019). So a quote with its bit set opens, one without closes. The parity is the truth only if
// every opening quote starts a field or follows a closing one (a doubled quote), and every closing one ends a field
// or is followed by a quote; whatever breaks this ends the index before the 64 bytes where it shows. What was written
// until then is right: a place is only wrong behind a quote that was taken for something else.

KERNEL_TARGET
static martlet_csv_index_t KERNEL_NAME(
    const uint8_t *bytes, uint32_t count, uint8_t delimiter, int quote, uint32_t *positions, uint32_t capacity) {
  const uint64_t quoting = quote < 0 ? 0 : ~(uint64_t)0;
  const uint8_t quote_byte = (uint8_t)quote;
  KERNEL_SETUP
  uint32_t *out = positions;
  uint32_t *const limit = positions + capacity;
  uint64_t carry = 0;          // all ones while inside quotes
  uint64_t may_open = 1;       // bit 0: the byte before allows a quote to open a field
  uint64_t closed = 0;         // bit 0: the byte before was a closing quote
  uint64_t returned = 0;       // bit 0: the byte before was a carriage return outside quotes
  uint64_t irregular = 0, any_quotes = 0, any_doubled = 0, any_returns = 0;
  uint32_t records = 0;
  uint32_t flags = 0;
  for (uint32_t base = 0; base < count; base += 64) {
    if (__builtin_expect(out > limit, 0)) {
      flags |= MARTLET_CSV_TRUNCATED;
      break;
    }
    uint64_t delimiters, feeds, returns, quotes;
    KERNEL_MASKS(bytes + base)
    quotes &= quoting;
    uint64_t valid = ~(uint64_t)0;
    if (__builtin_expect(count - base < 64, 0)) {
      valid = ((uint64_t)1 << (count - base)) - 1;
      delimiters &= valid;
      feeds &= valid;
      returns &= valid;
      quotes &= valid;
    }
    uint64_t separators = delimiters | feeds;
    if (quotes | carry | closed) {
      uint64_t inside = KERNEL_PREFIX_XOR(quotes) ^ carry;
      carry = (uint64_t)((int64_t)inside >> 63);
      uint64_t opening = quotes & inside, closing = quotes & ~inside;
      uint64_t after_closing = closing << 1 | closed;
      irregular |= opening & ~((separators | quotes) << 1 | may_open);
      irregular |= after_closing & ~(separators | returns | quotes) & valid;
      any_quotes |= quotes;
      any_doubled |= after_closing & opening;
      closed = closing >> 63;
      separators &= ~inside;
      feeds &= ~inside;
      returns &= ~inside;
    }
    may_open = (separators | quotes) >> 63;
    if (returns | returned) {
      irregular |= (returns << 1 | returned) & ~feeds & valid;
      returned = returns >> 63;
      any_returns |= returns;
    }
    if (__builtin_expect(irregular != 0, 0)) {
      flags |= MARTLET_CSV_IRREGULAR;
      break;
    }
    records += (uint32_t)KERNEL_POPCOUNT(feeds);
    out = KERNEL_WRITE(out, separators, base);
  }
  while (out > positions && bytes[out[-1]] != '\n') out--;
  if (any_quotes) flags |= MARTLET_CSV_QUOTES;
  if (any_doubled) flags |= MARTLET_CSV_DOUBLED;
  if (any_returns) flags |= MARTLET_CSV_RETURNS;
  return (martlet_csv_index_t){(uint32_t)(out - positions), records, flags};
}

#undef KERNEL_NAME
#undef KERNEL_TARGET
#undef KERNEL_MASKS
#undef KERNEL_PREFIX_XOR
#undef KERNEL_SETUP
#undef KERNEL_WRITE
#undef KERNEL_POPCOUNT
