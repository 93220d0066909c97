/// Builds a column of texts.
struct TextColumnBuilder {
  private let bytes: ByteBuffer
  private var offsets: [Int] = [0]
  private var validity: [Bool]?

  init(capacity: Int) {
    bytes = ByteBuffer(capacity: capacity * 8)
    offsets.reserveCapacity(capacity + 1)
  }

  mutating func append(_ text: UnsafeBufferPointer<UInt8>?) {
    if let text {
      bytes.append(text)
      validity?.append(true)
    } else {
      if validity == nil { validity = [Bool](repeating: true, count: offsets.count - 1) }
      validity!.append(false)
    }
    offsets.append(bytes.count)
  }

  /// A list as `[a, b]`; null when it is empty.
  mutating func append(list count: Int, _ appendElement: (Int, ByteBuffer) -> Void) {
    if count == 0 {
      append(nil)
      return
    }
    bytes.append(UInt8(ascii: "["))
    for index in 0..<count {
      if index > 0 { bytes.append(word: ", ") }
      appendElement(index, bytes)
    }
    bytes.append(UInt8(ascii: "]"))
    validity?.append(true)
    offsets.append(bytes.count)
  }

  consuming func column() -> Column { Column(.texts(bytes: bytes.array, offsets: offsets), validity: validity) }
}

extension ByteBuffer {
  /// A value as the states of groups keep it, doubles as `OrderedDouble`, in the text that is written of its type.
  func append(state value: Int64, type: ColumnType) {
    switch type {
    case .double: append(double: OrderedDouble.decode(value))
    case .bool: append(bool: value != 0)
    case .date: append(date: value)
    case .timestamp: append(timestamp: value)
    case .int, .null, .text: append(int: value)
    }
  }
}
