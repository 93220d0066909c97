// What the process holds, for measurements.
#ifndef MARTLET_MEMORY_H
#define MARTLET_MEMORY_H

#include <stddef.h>

/// Bytes that are allocated from the heap now, by all threads.
size_t martlet_heap_bytes(void);

#endif
