package import MartletGraph
import MartletSystem

/// What stands in a node besides its dependencies: 32 bytes.
@usableFromInline
package struct DelayedHead {
  // What a walk looks at stands first, next to the object's count of references: most often in the same cache line.

  /// The task that the node was written down as, below the number of the lowering that did so: see `LoweringTurn`. At the end of
  /// the node's life, the next one that is freed.
  package var mark: UInt64 = 0
  /// Apart from the mark, which only the lowering that has the turn may look at: others must not read it along with the rest.
  package internal(set) var made: DelayedMake
}

/// What a node was made with: nothing of it changes while somebody refers to the node.
@usableFromInline
package struct DelayedMake {
  /// The dependencies that the node owns, none once its memory is on its way back; above, the flags.
  private var countAndFlags: UInt32
  /// The number of the site among the shared ones, where the node does not own it.
  fileprivate let sharedSite: UInt32
  package let body: TaskBody

  /// The node owns its site, which stands behind the dependencies.
  private static let ownership: UInt32 = 1 << 31
  /// The result stands in its slot, and takes no memory of its own.
  private static let slotResult: UInt32 = 1 << 30

  fileprivate init(_ site: DelayedSiteReference, count: Int, isInSlot: Bool, body: @escaping TaskBody) {
    self.body = body
    sharedSite = site.shared
    countAndFlags =
      UInt32(count) | (site.isOwned ? DelayedMake.ownership : 0) | (isInSlot ? DelayedMake.slotResult : 0)
  }

  /// The dependencies that the node owns.
  @inline(__always)
  package var count: UInt32 { countAndFlags & (DelayedMake.slotResult &- 1) }

  /// Whether the result stands in its slot, and takes no memory of its own.
  @inline(__always)
  package var isInSlot: Bool { countAndFlags & DelayedMake.slotResult != 0 }

  /// Number of the site, the same for nodes that share one; nil where the node has one of its own.
  @inline(__always)
  package var siteNumber: UInt32? { ownsSite ? nil : sharedSite }

  /// Whether nothing has to be let go of but the body.
  @inline(__always)
  var ownsNothing: Bool { countAndFlags & ~DelayedMake.slotResult == 0 }

  @inline(__always)
  var ownsSite: Bool { countAndFlags & DelayedMake.ownership != 0 }

  @inline(__always)
  mutating func dropAll() { countAndFlags &= DelayedMake.slotResult }
}

/// One delayed computation: a task that is in no graph yet, and what it depends on. Immutable, shared by all who refer
/// to it; as a chain of them may be a million long, it is freed without recursion. Who holds one is `@unchecked Sendable`
/// for this reason: nothing changes but in `deinit`, when nobody else refers to the node.
///
/// The dependencies stand behind the object, in its own allocation: 48 bytes a node, and 8 a dependency; with one of them, as
/// much as a cache line.
@usableFromInline
package final class DelayedNode: ManagedBuffer<DelayedHead, Unmanaged<DelayedNode>> {
  /// A node that owns a reference to each of its dependencies, which `fill` writes.
  ///
  /// - Parameter isInSlot: Whether the result stands in its slot: `Slot.isInline`.
  static func make(
    at site: DelayedSiteReference, count: Int, isInSlot: Bool, body: @escaping TaskBody,
    _ fill: (UnsafeMutablePointer<Unmanaged<DelayedNode>>) -> Void
  ) -> DelayedNode {
    let node = unsafeDowncast(
      DelayedNode.create(minimumCapacity: count &+ (site.isOwned ? 1 : 0)) { _ in
        DelayedHead(made: DelayedMake(site, count: count, isInSlot: isInSlot, body: body))
      }, to: DelayedNode.self)
    node.withUnsafeMutablePointerToElements { places in
      fill(places)
      if let own = site.own { DelayedNode.ownSite(places, count).initialize(to: .passRetained(own)) }
    }
    return node
  }

  static func make(
    at site: DelayedSiteReference, on inputs: [DelayedNode], isInSlot: Bool, body: @escaping TaskBody
  ) -> DelayedNode {
    make(at: site, count: inputs.count, isInSlot: isInSlot, body: body) { places in
      for (place, input) in inputs.enumerated() { (places + place).initialize(to: .passRetained(input)) }
    }
  }

  /// The dependencies in their order.
  package var inputs: [DelayedNode] {
    withUnsafeMutablePointers { head, places in
      (0..<Int(head.pointee.made.count)).map { places[$0].takeUnretainedValue() }
    }
  }

  /// What the node has in common with others.
  package var site: DelayedSite {
    withUnsafeMutablePointers { head, places in
      guard head.pointee.made.ownsSite else { return SharedSites.site(head.pointee.made.sharedSite) }
      return DelayedNode.ownSite(places, Int(head.pointee.made.count)).pointee.takeUnretainedValue()
    }
  }

  /// What few nodes have.
  @inline(__always)
  package var extras: DelayedExtras? {
    withUnsafeMutablePointers { head, places in
      guard head.pointee.made.ownsSite else { return nil }
      return DelayedNode.ownSite(places, Int(head.pointee.made.count)).pointee._withUnsafeGuaranteedRef { $0.extras }
    }
  }

  /// The work.
  package var body: TaskBody { withUnsafeMutablePointerToHeader { $0.pointee.made.body } }

  /// Whether the result stands in its slot, and takes no memory of its own.
  package var isInSlot: Bool { withUnsafeMutablePointerToHeader { $0.pointee.made.isInSlot } }

  /// Asks for what a lowering looks at first in a node: whether it was written down.
  @inline(__always)
  static func prefetchMark(_ node: Unmanaged<DelayedNode>) {
    // Behind the object's own two words.
    martlet_prefetch(node.toOpaque() + 16)
  }

  /// Asks for all of a node that has a few dependencies: it seldom begins where a cache line does.
  @inline(__always)
  static func prefetch(_ node: Unmanaged<DelayedNode>) {
    prefetchMark(node)
    martlet_prefetch(node.toOpaque() + 64)
  }

  /// Where a node's own site stands: behind its `count` dependencies.
  @inline(__always)
  static func ownSite(
    _ places: UnsafeMutablePointer<Unmanaged<DelayedNode>>, _ count: Int
  ) -> UnsafeMutablePointer<Unmanaged<DelayedSite>> {
    UnsafeMutableRawPointer(places + count).assumingMemoryBound(to: Unmanaged<DelayedSite>.self)
  }

  // Nothing is read through `header` below: each access would be checked while the program runs, at a tenth of the time.

  deinit {
    withUnsafeMutablePointers { head, places in
      if head.pointee.made.ownsNothing { return }
      var freed = FreedNodes(head)
      freed.release(head, places)
      var next = freed.next()
      while let node = next {
        node._withUnsafeGuaranteedRef { $0.withUnsafeMutablePointers { freed.release($0, $1) } }
        next = freed.next()
        node.release()
      }
    }
  }
}
