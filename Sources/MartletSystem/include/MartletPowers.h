// Powers for reading decimal numbers exactly.
#ifndef MARTLET_POWERS_H
#define MARTLET_POWERS_H

#include <stdint.h>

/// The 128 leading bits of 5^q, high word first, for q = -342 ... 308.
///
/// Rounded down for q >= 0, up for q < 0 (Lemire, Number Parsing at a Gigabyte per Second, 2021, section 6). A test
/// computes every entry again.
const uint64_t *martlet_power_of_five(int q);

/// 10^n for n = 0 ... 22: the powers that a double holds exactly.
static inline double martlet_power_of_ten(unsigned n) {
  static const double powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  return powers[n];
}

#endif
