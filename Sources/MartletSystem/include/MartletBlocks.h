// Memory for columns: what graphs take in large blocks and give back again and again.
#ifndef MARTLET_BLOCKS_H
#define MARTLET_BLOCKS_H

#include <stddef.h>

// The C library gives the end of its heap back to the system when a large block is freed, along with the memory of all the small objects
// that were freed before; a program that makes one graph after the other has the system clear the same pages each time. So
// blocks of 64 KiB to 2 MiB do not come from the heap, or stay taken: those that were given back are kept for the next graph, 16 MiB of
// them at most. They go when a block grows beyond 2 MiB, as they are of no use to graphs of that size. What is smaller or larger is
// the C library's affair.
//
// From any thread. Blocks are aligned to 16 bytes, and are given back here, not by `free`.

/// Memory for `count` bytes that holds anything; null where there is none.
void *martlet_take_block(size_t count);

/// The same bytes in a block of at least `count`; null where there is none, and the old block stays. `block` may be null.
void *martlet_grow_block(void *block, size_t count);

/// Gives a block back. `block` may be null.
void martlet_give_block(void *block);

#endif
