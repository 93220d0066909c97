import MartletTable

/// Between the tasks that write and the output: lets pieces through in their order, between header and footer, or holds
/// them while the result may still be taken back.
///
/// A selection whose types are a guess may turn out to be wrong at the last record. Its bytes are held until the scan
/// is over; when they get too many to hold, the run is given up and started again with types that are known.
final class OutputGate: @unchecked Sendable {
  // Unchecked: used by the tasks of one chain, one after the other, and by the runner before and after them.

  /// Thrown when more would have to be held than is allowed.
  struct HoldExceeded: Error {}

  private let output: any OutputTarget
  private let writer: RowWriter
  /// The most bytes to hold; nil lets everything through.
  private let holdBytes: Int?
  private var held: [OutputText] = []
  private var heldBytes = 0
  private var isFirst = true

  init(_ output: any OutputTarget, _ writer: RowWriter, holdBytes: Int?) {
    self.output = output
    self.writer = writer
    self.holdBytes = holdBytes
  }

  /// Takes the next piece.
  func write(_ text: OutputText) throws {
    if text.rowCount == 0 { return }
    guard let holdBytes else { return try pass(text) }
    heldBytes += text.buffer.count
    if heldBytes > holdBytes { throw HoldExceeded() }
    held.append(text)
  }

  /// Writes what was held and what comes last: the result is right.
  func finish() throws {
    for text in held { try pass(text) }
    held = []
    if isFirst { try begin() }
    let footer = ByteBuffer()
    writer.appendFooter(to: footer)
    if !footer.isEmpty { try output.write(UnsafeRawBufferPointer(footer.bytes)) }
  }

  private func begin() throws {
    isFirst = false
    let header = ByteBuffer()
    writer.appendHeader(to: header)
    if !header.isEmpty { try output.write(UnsafeRawBufferPointer(header.bytes)) }
  }

  private func pass(_ text: OutputText) throws {
    let skipped = isFirst ? writer.firstPieceSkip : 0
    if isFirst { try begin() }
    try output.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text.buffer.bytes[skipped...])))
  }
}
