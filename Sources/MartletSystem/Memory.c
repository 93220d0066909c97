#include "MartletMemory.h"

#include <malloc.h>

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
