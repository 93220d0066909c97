/// Writes records in an output format as they pass: what a streamed result is concatenated from.
final class StreamSink: Sink {
  private let writer: RowWriter
  private let slots: [Int]
  private let fileColumns: Int
  private let buffer = ByteBuffer()
  private var count = 0

  init(_ slots: [Int], format: OutputFormat, fileColumns: Int, schema: [SchemaColumn]) {
    self.slots = slots
    self.fileColumns = fileColumns
    writer = RowWriter(format: format, names: slots.map { schema[$0].name }, types: slots.map { schema[$0].type })
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) -> Bool {
    if batch.count == 0 { return false }
    writer.append(batch.cells(of: slots, fileColumns: fileColumns), count: batch.count, to: buffer)
    count += batch.count
    return false
  }

  func finish() -> SinkPartial? { .text(OutputText(buffer: buffer, rowCount: count)) }
}

/// Some written records.
package struct OutputText: @unchecked Sendable {
  // Unchecked: nobody writes into the buffer once it is in here.
  package let buffer: ByteBuffer
  package let rowCount: Int

  package init(buffer: ByteBuffer, rowCount: Int) {
    self.buffer = buffer
    self.rowCount = rowCount
  }
}
