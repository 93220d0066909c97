#include "MartletSignals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static sigset_t held_signals;

void martlet_ignore_write_signals(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

int martlet_hold_signals(void) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
  int count = 0;
  sigemptyset(&held_signals);
  for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
    struct sigaction old;
    // A held signal is delivered to sigwait even when it is ignored, so an ignored one must not be held.
    if (sigaction(ending[i], NULL, &old) != 0 || old.sa_handler == SIG_IGN) continue;
    sigaddset(&held_signals, ending[i]);
    count++;
  }
  if (pthread_sigmask(SIG_BLOCK, &held_signals, NULL) != 0) return 0;
  return count;
}

void martlet_release_signals(void) { pthread_sigmask(SIG_UNBLOCK, &held_signals, NULL); }

int martlet_wait_for_signal(int milliseconds) {
  struct timespec limit = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  for (;;) {
    int number = milliseconds < 0 ? sigwaitinfo(&held_signals, NULL) : sigtimedwait(&held_signals, NULL, &limit);
    if (number > 0) return number;
    if (errno != EINTR) return 0;
  }
}
