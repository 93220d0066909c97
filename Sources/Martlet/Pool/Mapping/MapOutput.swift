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
