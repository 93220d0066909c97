/// A value that can leave the process: to another worker, to a spill file, into a journal.
///
/// Inside the process values stay what they are; these bytes are made only at its border. A `Codable` type adopts it in one
/// line, `extension Trip: PortableValue {}`; one that has to be fast writes its fields itself.
public protocol PortableValue: Sendable {
  /// Writes the value. Where that is not possible, `writer.fail` says why.
  func write(to writer: inout ByteWriter)
  /// Reads a value that `write(to:)` wrote. Any other bytes throw `ByteError`; none trap.
  init(from reader: inout ByteReader) throws(ByteError)
  /// The least number of bytes that a value takes, so that a false count is found before anything is allocated.
  static var leastBytes: Int { get }
  /// Names the type in every process that knows it; by default module and name.
  static var portableTypeName: String { get }
}

extension PortableValue {
  /// One byte, unless the type says more.
  public static var leastBytes: Int { 1 }

  /// `Module.Type`. Types that are private, which have no such name, get the one that the compiler uses.
  public static var portableTypeName: String {
    let name = String(reflecting: Self.self)
    // The name of a private type holds an address, which is another one in each process.
    return name.contains("(unknown context") ? _mangledTypeName(Self.self) ?? name : name
  }

  /// The value as bytes of its own. Stops the program when the value cannot be written: see `checkedPortableBytes`.
  public func portableBytes() -> [UInt8] {
    var writer = written
    return writer.takeBytes()
  }

  /// The value as bytes that are only looked at. Stops the program as `portableBytes` does.
  package func withPortableBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    written.withBytes(body)
  }

  private var written: ByteWriter {
    var writer = ByteWriter()
    write(to: &writer)
    if let failure = writer.failure { fatalError("a \(Self.self) cannot be written: \(failure.message)") }
    return writer
  }

  /// The value as bytes of its own.
  ///
  /// - Throws: `ByteError` when it cannot be written: it is nested too deep, or its `encode(to:)` throws.
  public func checkedPortableBytes() throws(ByteError) -> [UInt8] {
    var writer = ByteWriter()
    write(to: &writer)
    if let failure = writer.failure { throw failure }
    return writer.takeBytes()
  }

  /// The value that all of `bytes` stand for.
  public init(portableBytes bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    try self.init(from: &reader)
    try reader.requireEnd()
  }
}
