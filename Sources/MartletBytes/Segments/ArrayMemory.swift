import MartletSystem

/// An array that is kept because its memory is a segment of a value. The memory stays in one place while the object lives, and
/// does not change once it is full.
package class ArrayMemory: @unchecked Sendable {
  // Sendable: subclasses hold one constant array of numbers. Who fills the memory of a new one is the only one to know it.

  /// The memory, valid while the object lives.
  package let bytes: UnsafeRawBufferPointer

  fileprivate init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The memory of a new array, until it is full.
  package var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(mutating: bytes) }
}

/// An array of a type.
final class ArrayMemoryOf<Element: BitwiseCopyable & Sendable>: ArrayMemory, @unchecked Sendable {
  let array: [Element]

  init(_ array: [Element]) {
    self.array = array
    // The elements of an array that somebody holds do not move and do not change.
    super.init(array.withUnsafeBytes { $0 })
  }

  /// A new array, or a kept one, whose elements are whatever lies there until its room is filled.
  convenience init(count: Int, keeping kept: KeptArrays? = nil) {
    func make() -> [Element] {
      let array = [Element](unsafeUninitializedCapacity: count) { _, filled in filled = count }
      array.withUnsafeBytes { martlet_expect_use($0.baseAddress, $0.count) }
      return array
    }
    self.init(kept?.array(count: count, of: Element.self, make: make) ?? make())
  }
}

extension ArrayMemory {
  /// A new array of bytes.
  package static func bytes(count: Int) -> ArrayMemory { ArrayMemoryOf<UInt8>(count: count) }

  /// A new array for a segment: of its kind where that is known and fits, of bytes otherwise.
  static func make(for segment: ByteSegment, keeping kept: KeptArrays? = nil) -> ArrayMemory {
    switch segment.kind {
    case Int8.bulkKind: make(Int8.self, segment.count, kept)
    case Int16.bulkKind: make(Int16.self, segment.count, kept)
    case Int32.bulkKind: make(Int32.self, segment.count, kept)
    case Int64.bulkKind: make(Int64.self, segment.count, kept)
    case Int.bulkKind: make(Int.self, segment.count, kept)
    case UInt16.bulkKind: make(UInt16.self, segment.count, kept)
    case UInt32.bulkKind: make(UInt32.self, segment.count, kept)
    case UInt64.bulkKind: make(UInt64.self, segment.count, kept)
    case UInt.bulkKind: make(UInt.self, segment.count, kept)
    case Float.bulkKind: make(Float.self, segment.count, kept)
    case Double.bulkKind: make(Double.self, segment.count, kept)
    default: make(UInt8.self, segment.count, kept)
    }
  }

  private static func make<Element: BulkNumber>(
    _ type: Element.Type, _ byteCount: Int, _ kept: KeptArrays?
  ) -> ArrayMemory {
    let (count, rest) = byteCount.quotientAndRemainder(dividingBy: MemoryLayout<Element>.stride)
    return rest == 0
      ? ArrayMemoryOf<Element>(count: count, keeping: kept) : ArrayMemoryOf<UInt8>(count: byteCount, keeping: kept)
  }
}
