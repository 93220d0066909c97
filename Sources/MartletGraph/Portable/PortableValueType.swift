package import MartletBytes

/// A type of values that have bytes, without its name in Swift: what a process needs to know to keep, send and receive results
/// whose types it was told by name.
package class PortableValueType: @unchecked Sendable {
  // Sendable: subclasses add nothing but constants.

  /// Names the type in all processes.
  package let name: String
  /// What `Slot.typeIdentity` is for values of the type.
  package let identity: UInt

  init(name: String, identity: UInt) {
    self.name = name
    self.identity = identity
  }

  /// Writes the value in `slot`, which has to be of this type.
  package func write(_ slot: Slot, to writer: inout ByteWriter) { invariantFailure("a type without bytes") }

  /// Reads a value into an empty slot. Whoever owns the slot clears it.
  package func read(from reader: inout ByteReader) throws(ByteError) -> Slot {
    invariantFailure("a type without bytes")
  }

  /// Puts the array of all inputs into an empty slot.
  ///
  /// - Throws: `TaskInputError` when one of them is of another type.
  package func gather(_ inputs: borrowing TaskInputs, into slot: UnsafeMutablePointer<Slot>) throws {
    invariantFailure("a type without arrays")
  }

  /// The type of arrays of such values; nil where there are none.
  package var array: PortableValueType? { nil }

  /// What the value takes in memory, in bytes, the slot included.
  package func residentBytes(of slot: Slot) -> Int { MemoryLayout<Slot>.size + slot.residentBytes }

  /// Whether `residentBytes` counts all that values refer to. Others take about what their bytes take, which only writing
  /// them tells.
  package var knowsSize: Bool { true }

  /// Writes the value in `slot` behind nothing.
  ///
  /// - Parameter writer: Empty; empty again when this throws.
  /// - Throws: `ByteError` when it cannot be written.
  package func write(_ slot: Slot, by writer: inout ByteWriter) throws(ByteError) {
    write(slot, to: &writer)
    guard let failure = writer.failure else { return }
    writer = ByteWriter()
    throw failure
  }

  /// The value in `slot` as bytes for the way out: long arrays stay where they are, and live as long as the bytes do.
  ///
  /// - Throws: `ByteError` when it cannot be written.
  package func writtenBytes(of slot: Slot) throws(ByteError) -> WrittenBytes {
    var writer = ByteWriter(sharingFrom: ByteSegment.leastBytes)
    write(slot, to: &writer)
    if let failure = writer.failure { throw failure }
    return WrittenBytes(writer)
  }

  /// Whether `writtenBytes` takes no time worth mentioning, however large a value is: it is one array of numbers.
  package var isWrittenAtOnce: Bool { false }

  /// The value that all of `bytes` stand for, in a slot that its owner clears.
  package func slot(of bytes: [UInt8]) throws(ByteError) -> Slot { try slot(from: ByteReader(bytes)) }

  /// The value that has landed, in a slot that its owner clears. Its arrays take over their memory.
  package func slot(of landed: LandedBytes) throws(ByteError) -> Slot { try slot(from: landed.reader) }

  private func slot(from reader: consuming ByteReader) throws(ByteError) -> Slot {
    var reader = reader
    var slot = try read(from: &reader)
    do {
      try reader.requireEnd()
    } catch {
      slot.clear()
      throw error
    }
    return slot
  }
}

/// The type `Value`.
package final class PortableValueTypeOf<Value: PortableValue>: PortableValueType, @unchecked Sendable {
  // Sendable: nothing but constants.

  /// Whether values know what they take; the others take the size of their type.
  private let isSized = Value.self is any MemorySized.Type

  package init() { super.init(name: Value.portableTypeName, identity: Slot.identity(of: Value.self)) }

  package override func write(_ slot: Slot, to writer: inout ByteWriter) {
    guard let value = slot.value(as: Value.self) else {
      return writer.fail("\(slot.typeName) where a \(name) was expected")
    }
    value.write(to: &writer)
  }

  package override func read(from reader: inout ByteReader) throws(ByteError) -> Slot {
    let value = try Value(from: &reader)
    var slot = Slot()
    slot.fill(value)
    return slot
  }

  package override func gather(_ inputs: borrowing TaskInputs, into slot: UnsafeMutablePointer<Slot>) throws {
    slot.pointee.fill(try inputs.values(as: Value.self))
  }

  package override var array: PortableValueType? { PortableValueTypeOf<[Value]>() }

  package override var isWrittenAtOnce: Bool { isAtOnce }

  private let isAtOnce = MartletBytes.isWrittenAtOnce(Value.self)

  private let isExact = MartletGraph.knowsSize(Value.self)

  package override var knowsSize: Bool { isExact }

  package override func residentBytes(of slot: Slot) -> Int {
    if isSized { return super.residentBytes(of: slot) }
    return MemoryLayout<Slot>.size + (slot.isCounted ? 16 + MemoryLayout<Value>.size : 0)
  }
}

/// `Void`: what a signal gives. No bytes.
final class VoidType: PortableValueType, @unchecked Sendable {
  // Sendable: nothing but constants.

  init() { super.init(name: "Void", identity: Slot.identity(of: Void.self)) }

  override func write(_ slot: Slot, to writer: inout ByteWriter) {
    if slot.value(as: Void.self) == nil { writer.fail("\(slot.typeName) where nothing was expected") }
  }

  override func read(from reader: inout ByteReader) throws(ByteError) -> Slot {
    var slot = Slot()
    slot.fill(())
    return slot
  }
}
