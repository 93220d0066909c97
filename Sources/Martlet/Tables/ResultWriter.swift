import MartletTable

/// Writes a result in the wanted format, whole or piece by piece.
final class ResultWriter {
  let format: OutputFormat
  /// Set once the types are known to hold for the whole input: then nothing has to be held back.
  var trustsTypes = false
  private let width: Int
  private let output: any OutputTarget

  init(format: OutputFormat, width: Int, output: any OutputTarget) {
    self.format = format
    self.width = width
    self.output = output
  }

  /// Whether the format can only be written once all rows are known: columns are aligned.
  var needsWholeResult: Bool { format == .table }

  /// The number of records, alone on a line.
  func write(count: Int) throws(TableError) {
    let buffer = ByteBuffer()
    buffer.append("\(count)\n")
    try output.write(UnsafeRawBufferPointer(buffer.bytes))
  }

  /// - Parameter wraps: Whether a table shows all columns, whatever the terminal's width.
  func write(_ result: TypedFrame, wraps: Bool = false) throws(TableError) {
    let buffer = ByteBuffer()
    result.frame.write(format, types: result.types, width: width > 0 ? width : nil, wraps: wraps, to: buffer)
    try output.write(UnsafeRawBufferPointer(buffer.bytes))
  }

  /// A gate to the output for pieces that were written by `writer`.
  func gate(_ writer: RowWriter, holdBytes: Int?) -> OutputGate { OutputGate(output, writer, holdBytes: holdBytes) }
}
