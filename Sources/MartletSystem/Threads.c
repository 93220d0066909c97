#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "MartletThreads.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void martlet_futex_wait(const void *word, uint32_t expected) {
  // Errors are EAGAIN (the word changed) and EINTR: both mean "look again", as a return without a reason does.
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
  errno = saved;
}

void martlet_futex_wait_for(const void *word, uint32_t expected, uint64_t nanoseconds) {
  int saved = errno;
  struct timespec limit = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &limit, NULL, 0);
  errno = saved;
}

void martlet_futex_wake(const void *word, int32_t count) {
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  errno = saved;
}

// From linux/membarrier.h, which older systems lack.
enum { private_expedited = 1 << 3, register_private_expedited = 1 << 4 };

int32_t martlet_register_process_barrier(void) {
#ifdef SYS_membarrier
  int saved = errno;
  int status = (int)syscall(SYS_membarrier, register_private_expedited, 0, 0);
  errno = saved;
  return status == 0;
#else
  return 0;
#endif
}

void martlet_process_barrier(void) {
#ifdef SYS_membarrier
  int saved = errno;
  syscall(SYS_membarrier, private_expedited, 0, 0);
  errno = saved;
#endif
}

uint64_t martlet_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void martlet_name_thread(const char *name) {
  char short_name[16] = {0};
  strncpy(short_name, name, sizeof short_name - 1);
  pthread_setname_np(pthread_self(), short_name);
}

__attribute__((noinline)) uintptr_t martlet_stack_address(void) { return (uintptr_t)__builtin_frame_address(0); }

int32_t martlet_available_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int32_t)online : 1;
}
