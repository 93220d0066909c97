/// The last lines of a stream of bytes.
struct LastLines {
  /// The lines that are kept.
  static let limit = 20
  /// The bytes of a line that are kept.
  static let lineBytes = 300

  private var ended: [String] = []
  private var open: [UInt8] = []

  /// The lines, the oldest first; one that has not ended is one of them.
  var lines: [String] {
    let all = open.isEmpty ? ended : ended + [text(open)]
    return Array(all.suffix(LastLines.limit))
  }

  /// Takes what comes next.
  mutating func append(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      if byte == 10 {
        // A line of nothing says nothing.
        if !open.isEmpty { ended.append(text(open)) }
        open.removeAll(keepingCapacity: true)
      } else if open.count < LastLines.lineBytes {
        open.append(byte)
      }
    }
    if ended.count > 4 * LastLines.limit { ended.removeFirst(ended.count - LastLines.limit) }
  }

  private func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }
}
