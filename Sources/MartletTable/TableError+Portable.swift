public import MartletBytes

extension TableError: PortableValue {
  /// Writes all fields.
  public func write(to writer: inout ByteWriter) {
    let code: UInt8 =
      switch self.code {
      case .invalidQuery: 0
      case .unreadable: 1
      case .malformedData: 2
      case .memoryExceeded: 3
      case .unwritable: 4
      }
    writer.write(byte: code)
    file.write(to: &writer)
    line.write(to: &writer)
    offset.write(to: &writer)
    writer.write(message)
    writer.write(remedy)
  }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let codes: [Code] = [.invalidQuery, .unreadable, .malformedData, .memoryExceeded, .unwritable]
    let code = Int(try reader.readByte())
    try reader.require(code < codes.count, at: start, "\(code) is no kind of error")
    let file = try String?(from: &reader)
    let line = try Int?(from: &reader)
    let offset = try Int?(from: &reader)
    let message = try reader.readText()
    self.init(codes[code], file: file, line: line, offset: offset, message, remedy: try reader.readText())
  }
}
