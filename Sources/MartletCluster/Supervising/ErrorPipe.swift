import Glibc
import MartletSystem

/// Passes what a process writes to standard error on to that of this process, and keeps the last lines. It never waits for whoever
/// reads: a supervisor that is stuck in a write watches nothing.
struct ErrorPipe {
  /// Bytes that may wait to be written; the process waits in its writes when there are more.
  private static let limitBytes = 256 << 10
  /// What a pipe takes at once whenever it says that it takes something.
  private static let pieceBytes = 4096

  private var reading: Int32 = -1
  private var writing: Int32 = -1
  private var pending: [UInt8] = []
  /// Bytes of `pending` that are written.
  private var written = 0
  private var kept = LastLines()
  private var buffer = [UInt8](repeating: 0, count: 65_536)

  var lastLines: [String] { kept.lines }

  /// A new pipe; the descriptor to write to, or -1: then the process writes past this one.
  mutating func open() -> Int32 {
    if reading >= 0 { close(reading) }
    kept = LastLines()
    var ends: [Int32] = [-1, -1]
    reading = -1
    guard martlet_open_pipe(&ends) == 0 else { return -1 }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    reading = ends[0]
    writing = ends[1]
    return writing
  }

  /// To be called when the process has its own copy.
  mutating func closeWritingEnd() {
    if writing >= 0 { close(writing) }
    writing = -1
  }

  /// Writes a line of this process, in its turn.
  mutating func say(_ line: String) {
    pending += Array((line + "\n").utf8)
    while written < pending.count, writeSome(milliseconds: 0) {}
  }

  /// What `poll` has to wait for.
  func addWaits(to events: inout [pollfd]) {
    if reading >= 0, pending.count - written < ErrorPipe.limitBytes {
      events.append(pollfd(fd: reading, events: Int16(POLLIN), revents: 0))
    }
    if written < pending.count { events.append(pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)) }
  }

  /// Reads and writes what can be without waiting.
  mutating func move() {
    while reading >= 0, pending.count - written < ErrorPipe.limitBytes, readSome() {}
    while written < pending.count, writeSome(milliseconds: 0) {}
  }

  /// Reads what the process has left. What it has started may hold the pipe open, so not to its end.
  mutating func drain() {
    // As much as fits into a pipe, however full the buffer is.
    var rounds = 32
    while reading >= 0, rounds > 0, readSome() { rounds -= 1 }
    if reading >= 0 { close(reading) }
    reading = -1
    while written < pending.count, writeSome(milliseconds: 0) {}
  }

  /// Writes what is left, unless nobody reads it.
  mutating func finish() {
    while written < pending.count, writeSome(milliseconds: 500) {}
  }

  private mutating func readSome() -> Bool {
    let got = read(reading, &buffer, buffer.count)
    if got < 0 { return errno == EINTR }
    if got == 0 {
      close(reading)
      reading = -1
      return false
    }
    kept.append(buffer[..<got])
    pending += buffer[..<got]
    return true
  }

  private mutating func writeSome(milliseconds: Int32) -> Bool {
    var event = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    guard poll(&event, 1, milliseconds) > 0 else { return false }
    let count = min(pending.count - written, ErrorPipe.pieceBytes)
    let done = pending[written..<written + count].withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, count) }
    if done < 0, errno == EINTR || errno == EAGAIN { return errno == EINTR }
    if done <= 0 {
      // Nobody will ever read it.
      pending.removeAll()
      written = 0
      return false
    }
    written += done
    if written == pending.count || written >= ErrorPipe.limitBytes {
      pending.removeFirst(written)
      written = 0
    }
    return true
  }
}
