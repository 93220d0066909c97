// Signals that end the program, received by a thread that waits for them instead of by a handler.
#ifndef MARTLET_SIGNALS_H
#define MARTLET_SIGNALS_H

/// Lets a write to a closed pipe fail with EPIPE, and one beyond the limit of file sizes with EFBIG, instead of ending
/// the process.
void martlet_ignore_write_signals(void);

/// Holds SIGINT, SIGTERM and SIGHUP back from this thread and those that it will start, so that
/// `martlet_wait_for_signal` gets them. Signals that were ignored from the start (nohup) stay ignored.
/// Returns how many of them are held back.
int martlet_hold_signals(void);

/// Undoes it for this thread.
void martlet_release_signals(void);

/// Waits for one of the signals that `martlet_hold_signals` held back; with `milliseconds` below 0 without end.
/// Returns its number, or 0 when the time is over.
int martlet_wait_for_signal(int milliseconds);

#endif
