#include "MartletBlocks.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/// What stands before a block's bytes: how many there are; and, while the block is kept, the next one.
struct Head {
  size_t count;
  struct Head *next;
};

// The sizes of blocks that may be kept are powers of two. From `mapped` on they come from the system itself, and begin behind a page;
// smaller ones would be too many mappings.
enum { SMALLEST = 16, LARGEST = 21, SIZES = LARGEST - SMALLEST + 1 };
static const size_t least = (size_t)1 << SMALLEST;
static const size_t most = (size_t)1 << LARGEST;
static const size_t mapped = (size_t)1 << 19;
static const size_t limit = (size_t)16 << 20;
static const size_t page = 4096;
// More than a process has addresses for. A sanitizer's `malloc` ends the process that asks for so much.
static const size_t addressable = (size_t)1 << 47;

static int isMapped(size_t count) { return count >= mapped && count <= most; }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct Head *kept[SIZES];
static size_t keptBytes;

static struct Head *headOf(void *block) { return (struct Head *)block - 1; }

static void *blockOf(struct Head *head, size_t count) {
  head->count = count;
  return head + 1;
}

static struct Head *headIn(void *pages) { return headOf((char *)pages + page); }

static void *pagesOf(struct Head *head) { return (char *)(head + 1) - page; }

static void *allocated(size_t count) {
  if (!isMapped(count)) {
    struct Head *head = malloc(sizeof(struct Head) + count);
    return head ? blockOf(head, count) : NULL;
  }
  void *pages = mmap(NULL, page + count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? NULL : blockOf(headIn(pages), count);
}

static void freed(struct Head *head) {
  if (isMapped(head->count)) {
    munmap(pagesOf(head), page + head->count);
  } else {
    free(head);
  }
}

/// What is taken for so many bytes: a power of two where the block may be kept.
static size_t rounded(size_t count) {
  if (count < least || count > most) return count;
  return (size_t)1 << (64 - __builtin_clzll(count - 1));
}

static int sizeOf(size_t count) { return 63 - __builtin_clzll(count) - SMALLEST; }

/// The smallest of the kept blocks that hold so many bytes, a rounded number, or null.
static struct Head *takeKept(size_t count) {
  struct Head *found = NULL;
  pthread_mutex_lock(&mutex);
  for (int size = sizeOf(count); size < SIZES && !found; size++) {
    found = kept[size];
    if (!found) continue;
    kept[size] = found->next;
    keptBytes -= found->count;
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

static int keep(struct Head *head) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return 0;  // It could not see who uses a block that was given back.
#endif
#endif
  if (head->count < least || head->count > most) return 0;
  const int size = sizeOf(head->count);
  pthread_mutex_lock(&mutex);
  const int fits = keptBytes + head->count <= limit;
  if (fits) {
    head->next = kept[size];
    kept[size] = head;
    keptBytes += head->count;
  }
  pthread_mutex_unlock(&mutex);
  return fits;
}

static void freeKept(void) {
  struct Head *head;
  while ((head = takeKept(least))) freed(head);
}

void *martlet_take_block(size_t count) {
  if (count > addressable) return NULL;
  const size_t wanted = rounded(count);
  if (wanted >= least && wanted <= most) {
    struct Head *head = takeKept(wanted);
    if (head) return head + 1;
  }
  return allocated(wanted);
}

void *martlet_grow_block(void *block, size_t count) {
  if (!block) return martlet_take_block(count);
  if (count > addressable) return NULL;
  struct Head *head = headOf(block);
  const size_t old = head->count;
  if (count <= old) return block;
  size_t wanted = rounded(count);
  if (wanted < least || old > most) {
    head = realloc(head, sizeof(struct Head) + wanted);
    return head ? blockOf(head, wanted) : NULL;
  }
  if (wanted > most) {
    freeKept();
  } else if (old >= least && wanted < 4 * old) {
    // Who grows goes on to grow. Room costs nothing until it is used; going there from block to block does.
    wanted = 4 * old < most ? 4 * old : most;
  }
  void *larger = martlet_take_block(wanted);
  if (!larger) return NULL;
  memcpy(larger, block, old);
  martlet_give_block(block);
  return larger;
}

void martlet_give_block(void *block) {
  if (block && !keep(headOf(block))) freed(headOf(block));
}
