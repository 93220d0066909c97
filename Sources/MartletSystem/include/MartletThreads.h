// Sleeping, waking and telling the time, which Swift reaches only through variadic or macro interfaces.
#ifndef MARTLET_THREADS_H
#define MARTLET_THREADS_H

#include <stdint.h>

/// Sleeps while `*word == expected`, at most until somebody wakes `word`. May also return for no reason, so the
/// caller looks at its condition again.
void martlet_futex_wait(const void *word, uint32_t expected);

/// The same, for at most so many nanoseconds.
void martlet_futex_wait_for(const void *word, uint32_t expected, uint64_t nanoseconds);

/// Wakes at most `count` threads that sleep on `word`.
void martlet_futex_wake(const void *word, int32_t count);

/// Whether `martlet_process_barrier` works here; registers this process for it.
int32_t martlet_register_process_barrier(void);

/// Makes every thread of this process that runs pass a full memory barrier before this returns (membarrier): a thread
/// that seldom has to be sure pays, so that others need only `martlet_compiler_barrier`. Some microseconds.
void martlet_process_barrier(void);

/// Keeps the compiler, not the processor, from moving reads and writes over this place.
static inline void martlet_compiler_barrier(void) { __asm__ __volatile__("" ::: "memory"); }

/// Asks for the cache line at `address` for this processor alone, as an atomic change of it will need it.
static inline void martlet_prefetch_exclusive(const void *address) {
#if defined(__x86_64__)
  // Written out, because compilers give the reading kind unless told of a processor that has this one. Processors that
  // do not have it take it for a no-op.
  __asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)address));
#else
  __builtin_prefetch(address, 1, 3);
#endif
}

/// Nanoseconds of a clock that never goes back; its zero has no meaning.
uint64_t martlet_monotonic_nanoseconds(void);

/// Names the calling thread for debuggers and `top`; at most 15 bytes count.
void martlet_name_thread(const char *name);

/// An address in the calling thread's stack, near its present end. Not that of a variable: a sanitizer may keep those in
/// a stack of its own, elsewhere.
uintptr_t martlet_stack_address(void);

/// The number of processors that this process may run on, at least 1.
int32_t martlet_available_processors(void);

#endif
