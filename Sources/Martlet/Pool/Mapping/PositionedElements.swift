/// The elements of a collection by their position, for several threads.
@usableFromInline
struct PositionedElements<Elements: Collection & Sendable>: @unchecked Sendable {
  // Sendable: an element or an index of a collection that is Sendable can be had on every thread anyway.
  @usableFromInline let elements: Elements
  @usableFromInline let start: Elements.Index
  /// The elements of a collection in which positions have to be counted off.
  @usableFromInline let copy: [Elements.Element]?
  @usableFromInline let count: Int

  @inlinable init(_ elements: Elements) {
    self.elements = elements
    start = elements.startIndex
    if elements is any RandomAccessCollection {
      copy = nil
      count = elements.count
    } else {
      let all = Array(elements)
      copy = all
      count = all.count
    }
  }

  /// Calls `body` with each of these positions and its element. `position` says, when it throws, for which it did.
  @inlinable
  @inline(__always)
  func visit(
    _ positions: Range<Int>, _ position: inout Int, _ body: (Int, Elements.Element) throws -> Void
  ) rethrows {
    var at = positions.lowerBound
    do {
      if let copy {
        while at < positions.upperBound {
          try body(at, copy[at])
          at &+= 1
        }
      } else {
        var index = elements.index(start, offsetBy: at)
        while at < positions.upperBound {
          try body(at, elements[index])
          elements.formIndex(after: &index)
          at &+= 1
        }
      }
    } catch {
      position = at
      throw error
    }
  }

  @inlinable subscript(position: Int) -> Elements.Element {
    copy?[position] ?? elements[elements.index(start, offsetBy: position)]
  }
}
