/// How `Codable` values are written: by the names of their fields, so that the order in which they are read plays no part.
///
/// First the names of all fields that occur: a count, then texts. Then the size of the value, a varint, and the value. A value
/// is a mark and what follows it: see `Mark`. Integers are written in as few bytes as they need, arrays of numbers in one
/// piece. Sets and dictionaries stand in the order of the bytes of their elements or keys, so that equal values have equal
/// bytes. A field costs a byte for its name and a byte for the mark.
enum CodedForm {
  /// What a value begins with.
  enum Mark: UInt8 {
    /// Behind the last element of what follows a `list`, `fields`, `table` or `set`.
    case end = 0
    case none = 1
    case no = 2
    case yes = 3
    /// A varint.
    case natural = 4
    /// A varint: the complement of the number.
    case negative = 5
    /// Four bytes.
    case float = 6
    /// Eight bytes.
    case double = 7
    /// A count and UTF-8.
    case text = 8
    /// Values, then `end`.
    case list = 9
    /// The number of the field's name plus one as a varint, the value of the field, and so on, then a zero.
    case fields = 10
    /// The size of a key plus one as a varint, the key, its value, and so on, then a zero.
    case table = 11
    /// The size of an element plus one as a varint, the element, and so on, then a zero.
    case set = 12
    /// A count and bytes as `PortableValue` writes them.
    case bulk = 13
  }

  /// Says what is wrong, until it can be said where.
  struct Problem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}

/// Types that are written in a way of their own wherever they occur in a `Codable` value.
protocol CodedSpecially {
  func encode(in level: CodedLevel) throws
  init(in level: CodedValue) throws
}

/// A key of a given text or number: for arrays and for the part of a superclass.
struct PlainKey: CodingKey {
  let stringValue: String
  let intValue: Int?
  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }
  init(intValue: Int) {
    stringValue = "\(intValue)"
    self.intValue = intValue
  }
}

extension PortableValue where Self: Codable {
  /// Writes the value by the names of its fields, as `encode(to:)` gives them.
  public func write(to writer: inout ByteWriter) { CodedLevel.write(self, to: &writer) }

  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) { self = try CodedValue.read(Self.self, from: &reader) }
}
