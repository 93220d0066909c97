/// A value of any type on the heap, counted, never changed.
@usableFromInline
package class AnyBox: @unchecked Sendable {
  // Sendable: subclasses hold one constant of a Sendable type.

  @usableFromInline init() {}

  /// What the value takes in memory.
  package var residentBytes: Int { 0 }

  /// The type of the value, for messages.
  package var valueType: any Any.Type { Never.self }
}

/// A value of type `Value` on the heap.
@usableFromInline
package final class Box<Value: Sendable>: AnyBox, @unchecked Sendable {
  @usableFromInline let value: Value

  @inlinable init(_ value: Value) { self.value = value }

  package override var residentBytes: Int {
    // The cast costs some 100 ns: this is asked only under a memory budget or for a trace.
    let overhead = 16
    if let sized = value as? any MemorySized { return overhead + sized.residentBytes }
    return overhead + MemoryLayout<Value>.size
  }

  package override var valueType: any Any.Type { Value.self }
}

/// A value that knows what it takes in memory, its buffers included. Others count as the size of their type.
package protocol MemorySized {
  /// Bytes of memory.
  var residentBytes: Int { get }
  /// Whether all that values of the type refer to is counted.
  static var knowsItsSize: Bool { get }
}

extension MemorySized {
  /// True unless the type says otherwise.
  package static var knowsItsSize: Bool { true }
}

/// Whether values of a type refer to nothing, or count what they refer to.
package func knowsSize<Value>(_ type: Value.Type) -> Bool {
  _isPOD(type) || (type as? any MemorySized.Type)?.knowsItsSize ?? false
}

extension Array: MemorySized {
  /// The buffer, and what the elements refer to where they know it.
  package var residentBytes: Int {
    let own = 32 + count * MemoryLayout<Element>.stride
    guard Element.self is any MemorySized.Type else { return own }
    return reduce(own) { $0 + (($1 as? any MemorySized)?.residentBytes ?? 0) }
  }

  /// As that of the elements.
  package static var knowsItsSize: Bool { knowsSize(Element.self) }
}

extension String: MemorySized {
  /// The buffer; short texts have none.
  package var residentBytes: Int { utf8.count > 15 ? 16 + 32 + utf8.count : 16 }
}

extension Optional: MemorySized where Wrapped: MemorySized {
  /// That of the value.
  package var residentBytes: Int { map { $0.residentBytes + 1 } ?? MemoryLayout<Self>.size }

  /// As that of the value.
  package static var knowsItsSize: Bool { knowsSize(Wrapped.self) }
}

extension Dictionary: MemorySized {
  /// The buffer, which is three quarters full at most, and what keys and values refer to where they know it.
  package var residentBytes: Int {
    let own = 64 + capacity * 4 / 3 * (MemoryLayout<Key>.stride + MemoryLayout<Value>.stride)
    guard Key.self is any MemorySized.Type || Value.self is any MemorySized.Type else { return own }
    return reduce(own) {
      $0 + (($1.key as? any MemorySized)?.residentBytes ?? 0) + (($1.value as? any MemorySized)?.residentBytes ?? 0)
    }
  }

  /// As that of keys and values.
  package static var knowsItsSize: Bool { knowsSize(Key.self) && knowsSize(Value.self) }
}
