/// Where the results of a `map` are written, each at its place, by several threads.
@usableFromInline
struct MapOutput<Element>: @unchecked Sendable {
  // Sendable: each place is written once, by the thread that has claimed its position.
  @usableFromInline let base: UnsafeMutablePointer<Element>

  @inlinable init(_ base: UnsafeMutablePointer<Element>) { self.base = base }

  /// Drops the results of these ranges.
  @inlinable func drop(_ ranges: [Range<Int>]) {
    for range in ranges { (base + range.lowerBound).deinitialize(count: range.count) }
  }

  /// Moves `count` results into an array and frees the memory.
  @inlinable func take(_ count: Int) -> [Element] {
    defer { base.deallocate() }
    return [Element](unsafeUninitializedCapacity: count) { buffer, filled in
      if let start = buffer.baseAddress { start.moveInitialize(from: base, count: count) }
      filled = count
    }
  }
}

/// The elements of a collection by their position, for several threads.
@usableFromInline
struct IndexedElements<Elements: RandomAccessCollection & Sendable>: @unchecked Sendable {
  // Sendable: an index of a collection that is Sendable says nothing more than the collection does.
  @usableFromInline let elements: Elements
  @usableFromInline let start: Elements.Index

  @inlinable init(_ elements: Elements) {
    self.elements = elements
    start = elements.startIndex
  }

  @inlinable subscript(position: Int) -> Elements.Element { elements[elements.index(start, offsetBy: position)] }
}
