/// What a user of the event loop may choose.
package struct LoopSettings: Sendable {
  /// The longest time that the loop looks for events before it sleeps, while answers come fast: longer than a task takes there
  /// and back where everybody polls. Zero: it never polls.
  package var pollLimit: Duration = .microseconds(200)
  /// Room that all connections of the loop read into, in bytes.
  package var receiveBufferBytes = 256 << 10
  /// Bytes of a chunk that small messages are gathered in.
  package var chunkBytes = 64 << 10
  /// Chunks that are kept for reuse.
  package var keptChunks = 128

  package init() {}
}

extension Duration {
  /// Whole nanoseconds, between 0 and some 146 years.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    if seconds < 0 || attoseconds < 0 { return 0 }
    if seconds > 4_611_686_018 { return UInt64(Int64.max / 2) }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}

/// Stops the program because of a mistake of ours, with its place.
func misuse(_ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError(message(), file: file, line: line)
}
