// What this process has used so far.
#ifndef MARTLET_USAGE_H
#define MARTLET_USAGE_H

#include <stdint.h>

/// Processor time and memory of this process.
typedef struct martlet_usage {
  /// Microseconds of processor time in the program itself.
  int64_t user_microseconds;
  /// Microseconds of processor time in the system on its behalf.
  int64_t system_microseconds;
  /// The largest resident set so far, in bytes.
  int64_t peak_resident_bytes;
} martlet_usage;

/// Reads them; all zero when the system does not tell.
martlet_usage martlet_process_usage(void);

/// The resident set now, in bytes, or 0 when the system does not tell.
int64_t martlet_resident_bytes(void);

#endif
