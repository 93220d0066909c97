#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "MartletProcesses.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// A descriptor of the new process: `from` becomes `to` and stays open.
static int place(int from, int to) {
  if (from < 0) return 0;
  if (from == to) return fcntl(to, F_SETFD, 0);
  return dup2(from, to);
}

// From linux/close_range.h, which older systems lack.
enum { close_range_cloexec = 1 << 2 };

// Runs in the new process, which borrows this one's memory until it becomes another program: only system calls, and
// nothing is left changed.
static int become(const martlet_process_plan *plan, int parent) {
  if (plan->own_group && setpgid(0, 0) != 0) return errno;
  if (plan->death_signal != 0) {
    if (prctl(PR_SET_PDEATHSIG, plan->death_signal, 0, 0, 0) != 0) return errno;
    // It may have ended before that.
    if (getppid() != parent) return ESRCH;
  }
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) {
    struct sigaction old;
    // What `martlet_ignore_write_signals` ignores would stay ignored; what nohup and shells ignore has to.
    int is_ours = number == SIGPIPE || number == SIGXFSZ || number == SIGCHLD;
    if (sigaction(number, NULL, &old) == 0 && (is_ours || old.sa_handler != SIG_IGN))
      sigaction(number, &standard, NULL);
  }
#ifdef SYS_close_range
  // Whatever was opened without thinking of it. Older systems, which do not know this, inherit it.
  syscall(SYS_close_range, 3u, ~0u, close_range_cloexec);
#endif
  if (place(plan->input, 0) < 0 || place(plan->output, 1) < 0 || place(plan->errors, 2) < 0) return errno;
  if (plan->inherited >= 0 && fcntl(plan->inherited, F_SETFD, 0) != 0) return errno;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(plan->program, plan->arguments, plan->environment);
  return errno;
}

static int above_standard(int descriptor) {
  return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

int martlet_start_process(const martlet_process_plan *plan) {
  // None of the sources may be overwritten before it is placed.
  martlet_process_plan safe = *plan;
  safe.input = above_standard(plan->input);
  safe.output = above_standard(plan->output);
  safe.errors = above_standard(plan->errors);
  int report[2] = {-1, -1};
  int result = 0;
  if ((plan->input >= 0 && safe.input < 0) || (plan->output >= 0 && safe.output < 0) ||
      (plan->errors >= 0 && safe.errors < 0) || pipe2(report, O_CLOEXEC) != 0) {
    result = -errno;
  } else {
    int parent = getpid();
    // A handler of this process must not run in the new one, whose memory is the same.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int process = vfork();
    if (process == 0) {
      int failure = become(&safe, parent);
      ssize_t written = write(report[1], &failure, sizeof failure);
      _exit(written == sizeof failure ? 127 : 126);
    }
    result = process < 0 ? -errno : process;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  if (report[1] >= 0) close(report[1]);
  if (result > 0) {
    int failure = 0;
    ssize_t got;
    do got = read(report[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    if (got == sizeof failure) {
      int status;
      while (waitpid(result, &status, 0) < 0 && errno == EINTR) continue;
      result = -failure;
    }
  }
  if (report[0] >= 0) close(report[0]);
  if (safe.input >= 0) close(safe.input);
  if (safe.output >= 0) close(safe.output);
  if (safe.errors >= 0) close(safe.errors);
  return result;
}

int martlet_process_has_ended(int process) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return -errno;
  return info.si_pid == process;
}

int martlet_wait_for_process(int process, int blocks, int *status, int64_t *peak_bytes) {
  struct rusage usage;
  int result;
  do result = wait4(process, status, blocks ? 0 : WNOHANG, &usage);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -errno;
  if (result == 0) return 0;
  *peak_bytes = (int64_t)usage.ru_maxrss * 1024;
  return 1;
}

int64_t martlet_resident_bytes_of(int process) {
  char text[128];
  snprintf(text, sizeof text, "/proc/%d/statm", process);
  int file = open(text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return -1;
  text[length] = 0;
  const char *second = strchr(text, ' ');
  if (!second) return -1;
  return strtoll(second + 1, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
}

int martlet_open_signals(void) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
  sigset_t wanted;
  // Where it is ignored, which a program inherits, nobody can wait for a child.
  signal(SIGCHLD, SIG_DFL);
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
    struct sigaction old;
    // One that was ignored from the start stays ignored.
    if (sigaction(ending[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN) continue;
    sigaddset(&wanted, ending[i]);
  }
  int failure = pthread_sigmask(SIG_BLOCK, &wanted, NULL);
  if (failure != 0) return -failure;
  int descriptor = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int martlet_next_signal(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t got;
  do got = read(descriptor, &info, sizeof info);
  while (got < 0 && errno == EINTR);
  return got == sizeof info ? (int)info.ssi_signo : 0;
}

int martlet_open_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : -errno; }

int martlet_open_shared_memory(const char *name, int64_t bytes) {
  int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0) return -errno;
  if (ftruncate(descriptor, bytes) == 0) return descriptor;
  int failure = errno;
  close(descriptor);
  return -failure;
}

int64_t martlet_shared_memory_bytes(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return -errno;
  return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}
