import Martlet
import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// The result on standard output.
///
/// `@unchecked Sendable`: `OutputTarget` promises one thread at a time, and the main thread reads `isClosed` and calls
/// `finish` only after the run.
final class StandardOutput: OutputTarget, @unchecked Sendable {
  /// True once the reader has gone away; then the run is to end quietly.
  private(set) var isClosed = false
  private var writer = DescriptorWriter(1, name: "standard output")
  private var beforeFirstWrite: (() -> Void)?

  /// - Parameter beforeFirstWrite: Called once, before the first byte, by the thread that writes it.
  init(beforeFirstWrite: (() -> Void)? = nil) { self.beforeFirstWrite = beforeFirstWrite }

  func write(_ bytes: UnsafeRawBufferPointer) throws(TableError) {
    try guarded { () throws(TableError) in try writer.write(bytes) }
  }

  /// Sends what is still held back.
  func finish() throws(TableError) {
    try guarded { () throws(TableError) in try writer.flush() }
  }

  private func guarded(_ body: () throws(TableError) -> Void) throws(TableError) {
    if let call = beforeFirstWrite {
      beforeFirstWrite = nil
      call()
    }
    do {
      try body()
    } catch {
      if errno == EPIPE { isClosed = true }
      throw error
    }
  }
}
