package import MartletGraph
import Synchronization

/// What a node is besides its body and its dependencies. Nodes that are made by one line of a program share one.
@usableFromInline
package final class DelayedSite: @unchecked Sendable {
  // Sendable: constant; see `DelayedNode`.

  package let label: String
  /// Where it was written.
  package let place: CompactLocation
  package let kind: TaskKind
  /// What few nodes have.
  package let extras: DelayedExtras?

  init(label: String, place: CompactLocation, kind: TaskKind, extras: DelayedExtras?) {
    self.label = label
    self.place = place
    self.kind = kind
    self.extras = extras
  }

  /// Whether it is the site of such a node. Labels that are equal and stand at different addresses count as different.
  @inline(__always)
  fileprivate func isOf(_ label: (UInt64, UInt64), _ place: CompactLocation, _ kind: TaskKind) -> Bool {
    unsafeBitCast(self.label, to: (UInt64, UInt64).self) == label && self.place.line == place.line
      && self.place.file == place.file && self.kind == kind
  }
}

/// A node's reference to its site: counted where the node is the only one that has it.
struct DelayedSiteReference {
  let site: Unmanaged<DelayedSite>
  /// Whether the node lets go of it at its end.
  let isOwned: Bool

  @inline(__always)
  init(label: String, place: CompactLocation, kind: TaskKind, extras: DelayedExtras?) {
    if extras == nil, let shared = SharedSites.site(label, place, kind) {
      site = shared
      isOwned = false
    } else {
      site = .passRetained(DelayedSite(label: label, place: place, kind: kind, extras: extras))
      isOwned = true
    }
  }
}

/// The sites that are shared: a table that is never cleared, so that it is read without a lock and nodes need not count
/// their references.
///
/// The hash is that of the place alone, and a place has eight entries at most. So labels that are made while the program runs, a
/// million of them in a loop, take no room from other lines; those that find no entry get a site for each node.
private enum SharedSites {
  /// The addresses of sites, or 0. Unsafe: the pointer is constant, and what it points to is atomic.
  nonisolated(unsafe) private static let table: UnsafeMutablePointer<Atomic<UInt>> = {
    let table = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: count)
    for place in 0..<count { (table + place).initialize(to: Atomic(0)) }
    return table
  }()
  private static let count = 4096
  private static let tries = 8

  /// The site for such nodes, which is made where there is none yet; nil when there is no room for it.
  @inline(__always)
  static func site(_ label: String, _ place: CompactLocation, _ kind: TaskKind) -> Unmanaged<DelayedSite>? {
    let table = table
    let bits = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let home = slot(place, kind)
    for step in 0..<tries {
      // Acquires the site that another thread has made.
      let word = table[(home &+ step) & (count &- 1)].load(ordering: .acquiring)
      guard let address = UnsafeRawPointer(bitPattern: word) else { return added(label, place, kind) }
      let site = Unmanaged<DelayedSite>.fromOpaque(address)
      if site._withUnsafeGuaranteedRef({ $0.isOf(bits, place, kind) }) { return site }
    }
    return nil
  }

  @inline(__always)
  private static func slot(_ place: CompactLocation, _ kind: TaskKind) -> Int {
    let word = UInt64(place.file) ^ UInt64(place.line) &* 0x85eb_ca6b ^ UInt64(kind.rawValue) &<< 60
    return Int(truncatingIfNeeded: (word &* 0x9e37_79b9_7f4a_7c15) &>> 52)
  }

  @inline(never)
  private static func added(_ label: String, _ place: CompactLocation, _ kind: TaskKind) -> Unmanaged<DelayedSite>? {
    let bits = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let new = Unmanaged.passRetained(DelayedSite(label: label, place: place, kind: kind, extras: nil))
    let home = slot(place, kind)
    for step in 0..<tries {
      // Releases the site to those who read its address; acquires that of another thread which was faster.
      let (added, word) = table[(home &+ step) & (count &- 1)].compareExchange(
        expected: 0, desired: UInt(bitPattern: new.toOpaque()), ordering: .acquiringAndReleasing)
      if added { return new }
      guard let address = UnsafeRawPointer(bitPattern: word) else { continue }
      let site = Unmanaged<DelayedSite>.fromOpaque(address)
      if site._withUnsafeGuaranteedRef({ $0.isOf(bits, place, kind) }) {
        new.release()
        return site
      }
    }
    new.release()
    return nil
  }
}
