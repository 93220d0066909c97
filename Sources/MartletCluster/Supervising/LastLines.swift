/// The last lines of a stream of bytes, without the traces that Swift writes after the message of a crash: those push out
/// what says more.
struct LastLines {
  /// The lines that are kept.
  static let limit = 20
  /// The bytes of a line that are kept.
  static let lineBytes = 300

  private var ended: [String] = []
  private var open: [UInt8] = []
  private var isInTrace = false

  /// The lines, the oldest first; one that has not ended is one of them.
  var lines: [String] {
    var all = self
    if !open.isEmpty { all.end() }
    return Array(all.ended.suffix(LastLines.limit))
  }

  /// Takes what comes next.
  mutating func append(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      if byte == 10 {
        end()
      } else if open.count < LastLines.lineBytes {
        open.append(byte)
      }
    }
    if ended.count > 4 * LastLines.limit { ended.removeFirst(ended.count - LastLines.limit) }
  }

  private mutating func end() {
    // A line of nothing says nothing.
    if open.isEmpty { return }
    let line = String(decoding: open, as: UTF8.self)
    open.removeAll(keepingCapacity: true)
    if line == "Current stack trace:" {
      isInTrace = true
      return
    }
    // `12   libc.so.6   0x00007f… name + 5`
    if isInTrace, line.first?.isNumber == true, line.contains(" 0x") { return }
    isInTrace = false
    ended.append(line)
  }
}
