// Hints to the processor, as inline functions so that they cost nothing across the language border.
#ifndef MARTLET_PROCESSOR_H
#define MARTLET_PROCESSOR_H

/// Asks for the cache line at `address`, for reading soon.
static inline void martlet_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Asks for the cache line at `address`, for writing soon.
static inline void martlet_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/// Tells the processor that this is a spin loop.
static inline void martlet_spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("isb");
#endif
}

#endif
