extension Digest128: PortableValue {
  /// `martlet.Digest128`.
  public static var portableTypeName: String { "martlet.Digest128" }
  /// Sixteen bytes.
  public static var leastBytes: Int { 16 }
  /// Writes `low`, then `high`.
  public func write(to writer: inout ByteWriter) {
    writer.write(low)
    writer.write(high)
  }
  /// Reads what `write(to:)` wrote.
  public init(from reader: inout ByteReader) throws(ByteError) {
    self.init(low: try reader.read(), high: try reader.read())
  }
}
