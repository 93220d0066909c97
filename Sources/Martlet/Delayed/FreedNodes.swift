import MartletSystem

/// Nodes that nobody refers to any more, first come first freed: those made together are let go of together, and those that come next
/// are known before their turn. Linked through their marks: it takes no memory, and freeing does not nest as deep as the graph.
struct FreedNodes {
  /// The node at hand, the last one of the list, and the last one whose dependencies' memory was asked for, `lead` after the one at
  /// hand.
  private var current: UnsafeMutablePointer<DelayedHead>
  private var last: UnsafeMutablePointer<DelayedHead>
  private var ahead: UnsafeMutablePointer<DelayedHead>
  private var lead = 0

  /// Memory takes as long as freeing so many nodes.
  private static let distance = 6

  init(_ first: UnsafeMutablePointer<DelayedHead>) {
    (current, last, ahead) = (first, first, first)
    first.pointee.mark = 0
  }

  /// The node after the one at hand, which must not have been freed yet.
  mutating func next() -> Unmanaged<DelayedNode>? {
    guard let node = FreedNodes.following(current) else { return nil }
    current = FreedNodes.head(node)
    if lead == 0 { ask(for: node) } else { lead &-= 1 }
    for _ in 0..<2 where lead < FreedNodes.distance {
      guard let node = FreedNodes.following(ahead) else { break }
      ask(for: node)
      lead &+= 1
    }
    return node
  }

  /// Asks for the counts of references of what a node depends on.
  private mutating func ask(for node: Unmanaged<DelayedNode>) {
    ahead = FreedNodes.head(node)
    node._withUnsafeGuaranteedRef {
      $0.withUnsafeMutablePointers { head, places in
        for place in 0..<min(4, Int(head.pointee.made.count)) {
          martlet_prefetch_write(places[place].toOpaque())
          martlet_prefetch(places[place].toOpaque() + 64)
        }
      }
    }
  }

  private static func head(_ node: Unmanaged<DelayedNode>) -> UnsafeMutablePointer<DelayedHead> {
    node._withUnsafeGuaranteedRef { $0.withUnsafeMutablePointerToHeader { $0 } }
  }

  private static func following(_ head: UnsafeMutablePointer<DelayedHead>) -> Unmanaged<DelayedNode>? {
    UnsafeRawPointer(bitPattern: UInt(head.pointee.mark)).map { .fromOpaque($0) }
  }

  /// Gives up all that a node owns but its body. Dependencies that nobody else refers to, and that own something themselves, are listed.
  @inline(__always)
  mutating func release(
    _ head: UnsafeMutablePointer<DelayedHead>, _ places: UnsafeMutablePointer<Unmanaged<DelayedNode>>
  ) {
    let count = Int(head.pointee.made.count)
    if head.pointee.made.ownsSite { releaseSite(DelayedNode.ownSite(places, count).pointee) }
    head.pointee.made.dropAll()
    release(places, count)
  }

  /// The same for a node's own site, where what the node waits for without a result hangs on it.
  private mutating func releaseSite(_ site: Unmanaged<DelayedSite>) {
    var site = site.takeRetainedValue()
    guard isKnownUniquelyReferenced(&site) else { return }
    var predecessors = site.takePredecessors()
    predecessors.withUnsafeMutableBufferPointer {
      if let places = $0.baseAddress { release(places, $0.count) }
    }
  }

  @inline(__always)
  private mutating func release(_ places: UnsafeMutablePointer<Unmanaged<DelayedNode>>, _ count: Int) {
    let nodes = UnsafeMutableRawPointer(places).assumingMemoryBound(to: DelayedNode.self)
    for place in 0..<count {
      let node = places[place]
      // The count of references first: of what others refer to, nothing else is looked at.
      if !isKnownUniquelyReferenced(&nodes[place]) || !list(node) { node.release() }
    }
  }

  /// - Returns: Whether the node is in the list now: not where it owns nothing.
  @inline(__always)
  private mutating func list(_ node: Unmanaged<DelayedNode>) -> Bool {
    let head = FreedNodes.head(node)
    if head.pointee.made.ownsNothing { return false }
    last.pointee.mark = UInt64(UInt(bitPattern: node.toOpaque()))
    head.pointee.mark = 0
    last = head
    return true
  }
}
