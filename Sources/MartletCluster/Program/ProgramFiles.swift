import Synchronization

/// The files of a program that say that it runs, and where: they are there while it can be reached.
final class ProgramFiles: Sendable {
  private let files = Mutex<[ReadyFile]>([])

  /// Writes the files that were asked for. Without an error they are there; with one, none of them is.
  func write(pid: String?, ready: String?, lines: [String]) throws(UsageError) {
    do throws(UsageError) {
      if let pid { add(try ReadyFile.pid(pid)) }
      // The last one: whoever sees it finds all else.
      if let ready { add(try ReadyFile(ready, lines: lines)) }
    } catch {
      remove()
      throw error
    }
  }

  private func add(_ file: ReadyFile) { files.withLock { $0.append(file) } }

  /// The program ends. May be called on any thread, more than once.
  func remove() { for file in files.withLock({ $0 }) { file.remove() } }
}
