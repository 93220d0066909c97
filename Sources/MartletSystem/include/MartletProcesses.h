// Processes that end with the one that started them, and what they share with it.
#ifndef MARTLET_PROCESSES_H
#define MARTLET_PROCESSES_H

#include <stdint.h>

/// A process to start. Descriptors below 0 are those of this process; no others are inherited than these four.
typedef struct martlet_process_plan {
  /// The program: a path, not looked for.
  const char *program;
  /// Its arguments and its environment, each with NULL at the end.
  char *const *arguments;
  char *const *environment;
  int input;
  int output;
  int errors;
  /// One more descriptor, which keeps its number; below 0 for none.
  int inherited;
  /// The signal that it gets when the *thread* that starts it ends, and so when this process does in whatever way; 0 for
  /// none.
  int death_signal;
  /// Whether it is out of reach of the terminal's keys: a process group of its own.
  int own_group;
} martlet_process_plan;

/// Starts it, with no signals held back. Returns its number, or a negative errno, also when the program cannot be run.
/// No handler of this process runs in the new one, and none of its memory is copied.
int martlet_start_process(const martlet_process_plan *plan);

/// Whether the process has ended: 1, 0, or a negative errno; it can still be waited for.
int martlet_process_has_ended(int process);

/// Waits for the end of a child; with `blocks` == 0 only looks. Returns 1 when it has ended, 0 when not, or a negative
/// errno. `status` is that of `wait`; `peak_bytes` its largest resident memory.
int martlet_wait_for_process(int process, int blocks, int *status, int64_t *peak_bytes);

/// Bytes that a process holds in memory, or -1.
int64_t martlet_resident_bytes_of(int process);

/// A descriptor that has signals to read: TERM, INT and HUP unless they are ignored, and CHLD. They are held back from this
/// thread and those that it will start. Or a negative errno.
int martlet_open_signals(void);

/// The next signal of that descriptor, or 0 when there is none.
int martlet_next_signal(int descriptor);

/// A pipe whose ends, the one to read first, are not inherited. Returns 0 or a negative errno.
int martlet_open_pipe(int ends[2]);

/// Memory of so many bytes, zero, without a name, that another process can have too; or a negative errno.
int martlet_open_shared_memory(const char *name, int64_t bytes);

/// Bytes of such memory, or a negative errno where the descriptor is something else.
int64_t martlet_shared_memory_bytes(int descriptor);

#endif
