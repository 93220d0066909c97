// The memory of the process.
#ifndef MARTLET_MEMORY_H
#define MARTLET_MEMORY_H

#include <stddef.h>

/// Bytes that are allocated from the heap now, by all threads.
size_t martlet_heap_bytes(void);

/// Makes the C library keep freed memory for the next allocation instead of giving it back to the system, which would
/// have to clear every page again. For short programs that allocate much; the resident set then shows the peak.
void martlet_keep_freed_memory(void);

/// Returns freed memory that the C library keeps to the system. Takes time with the size of the heap.
void martlet_return_freed_memory(void);

/// Says that all of new memory will be used soon: where it is large the system may give it in large pages, which takes a
/// fraction of the time. Nothing happens to what lies there.
void martlet_expect_use(const void *memory, size_t count);

#endif
