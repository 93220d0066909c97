#include "MartletMemory.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

size_t martlet_heap_bytes(void) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

void martlet_keep_freed_memory(void) {
#if defined(__GLIBC__)
  // 32 MiB is the largest that the C library takes for the first, the largest int for the second.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
#endif
}

void martlet_return_freed_memory(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

void martlet_expect_use(const void *memory, size_t count) {
#ifdef MADV_HUGEPAGE
  // Whole large pages only; below some of them a system call costs more than it saves.
  const uintptr_t large = (uintptr_t)2 << 20;
  const uintptr_t start = ((uintptr_t)memory + large - 1) & ~(large - 1);
  const uintptr_t end = ((uintptr_t)memory + count) & ~(large - 1);
  if (end > start && end - start >= 2 * large) madvise((void *)start, end - start, MADV_HUGEPAGE);
#endif
}
