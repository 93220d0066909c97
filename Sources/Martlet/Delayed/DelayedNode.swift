package import MartletGraph

/// What a node is besides its dependencies.
@usableFromInline
package struct DelayedHead {
  package let label: String
  package let body: TaskBody
  /// What few nodes have.
  package let extras: DelayedExtras?
  /// The address of the file's name, see `CompactLocation`.
  private let file: UInt
  /// The dependencies that the node still owns: none once its memory is on its way back.
  package fileprivate(set) var count: UInt32
  /// The line in the lower 24 bits, the kind above.
  private let lineAndKind: UInt32
  /// The task that the node was written down as, below the number of the lowering that did so: see `LoweringTurn`.
  package var mark: UInt64 = 0

  @usableFromInline
  package init(
    label: String, place: CompactLocation, kind: TaskKind, extras: DelayedExtras?, count: Int, body: @escaping TaskBody
  ) {
    self.label = label
    self.body = body
    self.extras = extras
    file = place.file
    lineAndKind = min(place.line, 0xff_ffff) | UInt32(kind.rawValue) << 24
    self.count = UInt32(count)
  }

  /// Where it was written.
  package var place: CompactLocation { CompactLocation(file: file, line: lineAndKind & 0xff_ffff) }

  package var kind: TaskKind { TaskKind(rawValue: UInt8(truncatingIfNeeded: lineAndKind >> 24)) ?? .closure }
}

/// One delayed computation: a task that is in no graph yet, and what it depends on. Immutable, shared by all who refer
/// to it; as a chain of them may be a million long, it is freed without recursion. Who holds one is `@unchecked Sendable`
/// for this reason: nothing changes but in `deinit`, when nobody else refers to the node.
///
/// The dependencies stand behind the object, in its own allocation: 80 bytes a node, and 8 a dependency.
@usableFromInline
package final class DelayedNode: ManagedBuffer<DelayedHead, Unmanaged<DelayedNode>> {
  /// A node that owns a reference to each of its dependencies, which `fill` writes.
  @usableFromInline
  package static func make(
    _ head: DelayedHead, _ fill: (UnsafeMutablePointer<Unmanaged<DelayedNode>>) -> Void
  ) -> DelayedNode {
    let count = Int(head.count)
    let node = unsafeDowncast(
      DelayedNode.create(minimumCapacity: count) { _ in head }, to: DelayedNode.self)
    node.withUnsafeMutablePointerToElements(fill)
    return node
  }

  @usableFromInline
  package static func make(_ head: DelayedHead, on inputs: [DelayedNode]) -> DelayedNode {
    make(head) { places in
      for (place, input) in inputs.enumerated() { (places + place).initialize(to: .passRetained(input)) }
    }
  }

  /// The dependencies in their order.
  package var inputs: [DelayedNode] {
    withUnsafeMutablePointers { head, places in
      (0..<Int(head.pointee.count)).map { places[$0].takeUnretainedValue() }
    }
  }

  deinit {
    if header.count == 0 { return }
    var open: [DelayedNode] = []
    release(into: &open)
    while let node = open.popLast() { node.release(into: &open) }
  }

  /// Gives the dependencies up. Those that nobody else refers to and that have some themselves are put on `open`, not freed:
  /// freeing them here would nest as deep as the graph.
  private func release(into open: inout [DelayedNode]) {
    withUnsafeMutablePointers { head, places in
      let count = Int(head.pointee.count)
      head.pointee.count = 0
      for place in 0..<count {
        var input = places[place].takeRetainedValue()
        if isKnownUniquelyReferenced(&input), input.header.count > 0 { open.append(input) }
      }
    }
  }
}
