import MartletBytes
package import MartletGraph

/// What a node is besides its dependencies. What it shares with others is valid as long as the node.
@usableFromInline
package struct DelayedHead {
  package let body: TaskBody
  private let about: Unmanaged<DelayedSite>
  /// The task that the node was written down as, below the number of the lowering that did so: see `LoweringTurn`.
  package var mark: UInt64 = 0
  /// The dependencies that the node still owns, none once its memory is on its way back; above, the flags.
  private var countAndFlags: UInt32

  /// The node owns its site.
  private static let ownership: UInt32 = 1 << 31
  /// The result stands in its slot, and takes no memory of its own.
  private static let slotResult: UInt32 = 1 << 30

  /// - Parameter isInSlot: Whether the result stands in its slot: `Slot.isInline`.
  @usableFromInline
  package init(
    label: String, place: CompactLocation, kind: TaskKind, extras: DelayedExtras?, count: Int, isInSlot: Bool,
    body: @escaping TaskBody
  ) {
    let reference = DelayedSiteReference(label: label, place: place, kind: kind, extras: extras)
    about = reference.site
    self.body = body
    countAndFlags =
      UInt32(count) | (reference.isOwned ? DelayedHead.ownership : 0) | (isInSlot ? DelayedHead.slotResult : 0)
  }

  /// What the node has in common with others.
  @inline(__always)
  package var site: DelayedSite { about._withUnsafeGuaranteedRef { $0 } }

  /// What few nodes have.
  @inline(__always)
  package var extras: DelayedExtras? { ownsSite ? about._withUnsafeGuaranteedRef { $0.extras } : nil }

  /// Address of the site, the same for nodes that share one.
  @inline(__always)
  package var siteAddress: UInt { UInt(bitPattern: about.toOpaque()) }

  /// The dependencies that the node still owns.
  @inline(__always)
  package var count: UInt32 { countAndFlags & (DelayedHead.slotResult &- 1) }

  /// Whether the result stands in its slot, and takes no memory of its own.
  @inline(__always)
  package var isInSlot: Bool { countAndFlags & DelayedHead.slotResult != 0 }

  /// Whether nothing has to be let go of but the body.
  @inline(__always)
  fileprivate var ownsNothing: Bool { countAndFlags & ~DelayedHead.slotResult == 0 }

  @inline(__always)
  private var ownsSite: Bool { countAndFlags & DelayedHead.ownership != 0 }

  fileprivate mutating func dropDependencies() { countAndFlags &= DelayedHead.ownership | DelayedHead.slotResult }

  fileprivate func dropSite() { if ownsSite { about.release() } }
}

/// One delayed computation: a task that is in no graph yet, and what it depends on. Immutable, shared by all who refer
/// to it; as a chain of them may be a million long, it is freed without recursion. Who holds one is `@unchecked Sendable`
/// for this reason: nothing changes but in `deinit`, when nobody else refers to the node.
///
/// The dependencies stand behind the object, in its own allocation: 56 bytes a node, and 8 a dependency.
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

  /// What the node has in common with others.
  package var site: DelayedSite { header.site }

  /// The work.
  package var body: TaskBody { header.body }

  /// Whether the result stands in its slot, and takes no memory of its own.
  package var isInSlot: Bool { header.isInSlot }

  /// Asks for what a lowering looks at first in a node: whether it was written down.
  @inline(__always)
  static func prefetchMark(_ node: Unmanaged<DelayedNode>) {
    // The object's own two words, then those of the body and the site.
    prefetch(node.toOpaque() + 40)
  }

  deinit {
    if header.ownsNothing { return }
    header.dropSite()
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
      head.pointee.dropDependencies()
      // The inputs' counts of references: all at a time, not one after the other.
      for place in 0..<count { prefetch(places[place].toOpaque()) }
      for place in 0..<count {
        var input = places[place].takeRetainedValue()
        if input.header.count > 0, isKnownUniquelyReferenced(&input) { open.append(input) }
      }
    }
  }
}
