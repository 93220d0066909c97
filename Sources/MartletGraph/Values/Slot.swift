/// The place of one result: 16 bytes that say themselves what they hold. Trivial, so that a million are one `calloc`;
/// who holds a slot calls `clear()` once.
///
/// `tag` is 0 for nothing, 1 for a counted `AnyBox` in `word`, and else the address of the metadata of a trivial type of
/// at most eight bytes, whose value is in `word`: numbers need no allocation. Each read compares type with type, so a
/// mistaken type is found and never reinterpreted.
@usableFromInline
package struct Slot: BitwiseCopyable, @unchecked Sendable {
  // Sendable: what it holds is, and whoever holds it clears it.

  @usableFromInline var tag: UInt
  @usableFromInline var word: UInt

  @inlinable package init() {
    tag = 0
    word = 0
  }

  /// Whether it holds nothing.
  @inlinable package var isEmpty: Bool { tag == 0 }

  /// Whether it holds something that must be dropped.
  @inlinable package var isCounted: Bool { tag == 1 }

  /// Whether values of the type stand in the slot itself, and take no memory of their own.
  @inlinable package static func isInline<Value>(_ type: Value.Type) -> Bool {
    // Both sides are constants where the function is specialised.
    _isPOD(type) && MemoryLayout<Value>.size <= 8
  }

  /// Puts a value into an empty slot.
  @inlinable package mutating func fill<Value: Sendable>(_ value: consuming Value) {
    if Slot.isInline(Value.self) {
      tag = UInt(bitPattern: ObjectIdentifier(Value.self))
      withUnsafeMutableBytes(of: &word) { $0.storeBytes(of: copy value, as: Value.self) }
    } else {
      fill(box: Box(value))
    }
  }

  /// Puts a box into an empty slot.
  @inlinable package mutating func fill(box: AnyBox) {
    word = UInt(bitPattern: Unmanaged.passRetained(box).toOpaque())
    tag = 1
  }

  /// Makes an empty slot hold what `other` holds.
  @inlinable package mutating func fill(from other: Slot) {
    if other.tag == 1 { _ = other.unmanaged.retain() }
    tag = other.tag
    word = other.word
  }

  /// The value, or nil when the slot holds nothing or another type.
  @inlinable package func value<Value: Sendable>(as type: Value.Type) -> Value? {
    if Slot.isInline(Value.self) {
      guard tag == UInt(bitPattern: ObjectIdentifier(Value.self)) else { return nil }
      return withUnsafeBytes(of: word) { $0.load(as: Value.self) }
    }
    guard tag == 1 else { return nil }
    return unmanaged._withUnsafeGuaranteedRef { box -> Value? in
      guard type_of(box) == Box<Value>.self else { return nil }
      return unsafeDowncast(box, to: Box<Value>.self).value
    }
  }

  /// Drops what the slot holds.
  @inlinable package mutating func clear() {
    if tag == 1 { unmanaged.release() }
    tag = 0
  }

  /// What the held value takes in memory beyond the slot.
  package var residentBytes: Int {
    tag == 1 ? unmanaged._withUnsafeGuaranteedRef { $0.residentBytes } : 0
  }

  /// Tells types of held values apart: the tag of values that stand in the slot itself, the type of the box of others.
  package var typeIdentity: UInt {
    tag == 1 ? unmanaged._withUnsafeGuaranteedRef { UInt(bitPattern: ObjectIdentifier(type_of($0))) } : tag
  }

  /// The `typeIdentity` of slots that hold a `Value`.
  package static func identity<Value: Sendable>(of type: Value.Type) -> UInt {
    UInt(bitPattern: isInline(type) ? ObjectIdentifier(type) : ObjectIdentifier(Box<Value>.self))
  }

  /// The type of the held value; nil where there is none.
  package var valueType: (any Any.Type)? {
    switch tag {
    case 0: nil
    case 1: unmanaged._withUnsafeGuaranteedRef { $0.valueType }
    default: unsafeBitCast(tag, to: Any.Type.self)
    }
  }

  /// The type of the held value for messages.
  package var typeName: String { valueType.map { "\($0)" } ?? "nothing" }

  @inlinable var unmanaged: Unmanaged<AnyBox> {
    // `word` is the address of a retained box whenever `tag` is 1.
    Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: word).unsafelyUnwrapped)
  }
}

/// `type(of:)` under a name that a property called `type` does not hide.
@inlinable
func type_of(_ box: AnyBox) -> AnyBox.Type { type(of: box) }
