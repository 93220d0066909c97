// Sleeping, waking and telling the time, which Swift reaches only through variadic or macro interfaces.
#ifndef MARTLET_THREADS_H
#define MARTLET_THREADS_H

#include <stdint.h>

/// Sleeps while `*word == expected`, at most until somebody wakes `word`. May also return for no reason, so the
/// caller looks at its condition again.
void martlet_futex_wait(const void *word, uint32_t expected);

/// Wakes at most `count` threads that sleep on `word`.
void martlet_futex_wake(const void *word, int32_t count);

/// Nanoseconds of a clock that never goes back; its zero has no meaning.
uint64_t martlet_monotonic_nanoseconds(void);

/// Names the calling thread for debuggers and `top`; at most 15 bytes count.
void martlet_name_thread(const char *name);

/// The number of processors that this process may run on, at least 1.
int32_t martlet_available_processors(void);

#endif
