import Glibc

/// Makes the signals that end a process do so in what is started from here on. A test program that was started in the background, or
/// by `nohup`, was told to ignore some of them, and so would be whatever it starts.
package func defaultEndingSignals() {
  for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { signal(number, SIG_DFL) }
}
