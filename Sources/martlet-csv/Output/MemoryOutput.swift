import Martlet
import MartletTable

/// A small result that the command works on before it prints it.
///
/// `@unchecked Sendable`: `OutputTarget` promises one thread at a time, and `bytes` is read after the run.
final class MemoryOutput: OutputTarget, @unchecked Sendable {
  private(set) var bytes: [UInt8] = []

  func write(_ piece: UnsafeRawBufferPointer) throws(TableError) { bytes.append(contentsOf: piece) }
}
