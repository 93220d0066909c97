/// Bytes that can be read from any offset, and again.
///
/// Safe to use from several threads at once.
package protocol ByteSource: Sendable {
  /// What error messages call it: the path as the user wrote it.
  var name: String { get }
  /// The number of bytes; nil for a pipe whose end was not reached yet.
  var byteCount: Int? { get }
  /// Copies bytes from `offset` on into `buffer` and gives their number: at most `buffer.count`, fewer where that
  /// is what there is at the moment, 0 only at the end (or for an empty buffer).
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int
  /// Says that nobody will read bytes before `offset` again, so that a source that keeps them may forget them.
  func release(before offset: Int)
  /// What was forgotten.
  var released: ReleasedBytes { get }
}

extension ByteSource {
  package func release(before offset: Int) {}
  package var released: ReleasedBytes { ReleasedBytes() }
}

/// The beginning of a source that cannot be read any more, with what is still asked of it: where lines ended.
package struct ReleasedBytes: Hashable, Sendable {
  /// How many bytes.
  package var count = 0
  /// How many lines end in them.
  package var lineEnds = 0
  /// 1 where the last byte is a CR, whose LF may follow; else 0.
  package var afterReturn: Int32 = 0

  package init() {}
}

/// Bytes in memory.
package struct MemorySource: ByteSource {
  package let name: String
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8], name: String = "memory") {
    self.name = name
    self.bytes = bytes
  }

  package var byteCount: Int? { bytes.count }

  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    guard offset < bytes.count else { return 0 }
    let count = min(buffer.count, bytes.count - offset)
    bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count])) }
    return count
  }
}
