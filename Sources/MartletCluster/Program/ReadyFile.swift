import Glibc

/// A file that appears when a process can be reached, and says where: `tcp://HOST:PORT`, a line. Or one that says its number.
package struct ReadyFile: Sendable {
  private let path: String

  /// Writes the file beside its place and moves it there, so that whoever sees it sees all of it.
  /// - Throws: Why it cannot be written, in one line.
  package init(_ path: String, called what: String = "ready file", lines: [String]) throws(UsageError) {
    self.path = path
    let beside = "\(path).\(getpid()).new"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw ReadyFile.failure(what, path) }
    let text = Array((lines.joined(separator: "\n") + "\n").utf8)
    let isWritten = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == text.count
    let isClosed = close(descriptor) == 0
    guard isWritten, isClosed, rename(beside, path) == 0 else {
      let failure = ReadyFile.failure(what, path)
      unlink(beside)
      throw failure
    }
  }

  private static func failure(_ what: String, _ path: String) -> UsageError {
    UsageError(
      "cannot write the \(what) '\(path)': \(String(cString: strerror(errno)))",
      remedy: "name a file in a directory that exists and may be written to")
  }

  /// The number of this process, in a file that scripts read.
  static func pid(_ path: String) throws(UsageError) -> ReadyFile {
    try ReadyFile(path, called: "pid file", lines: ["\(getpid())"])
  }

  /// The process cannot be reached any more.
  package func remove() { unlink(path) }
}
