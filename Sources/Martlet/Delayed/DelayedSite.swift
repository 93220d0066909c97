package import MartletGraph
import Synchronization

/// What a node is besides its body and its dependencies. Nodes that are made by one line of a program share one.
@usableFromInline
package final class DelayedSite: @unchecked Sendable {
  // Sendable: constant until it is given up; see `DelayedNode`.

  package let label: String
  /// Where it was written.
  package let place: CompactLocation
  package let kind: TaskKind
  /// What few nodes have.
  package private(set) var extras: DelayedExtras?

  init(label: String, place: CompactLocation, kind: TaskKind, extras: DelayedExtras?) {
    self.label = label
    self.place = place
    self.kind = kind
    self.extras = extras
  }

  /// Gives up the predecessors in the extras to a caller who knows that nobody else refers to this, and who owns them then. None
  /// where others have the extras as well.
  func takePredecessors() -> [Unmanaged<DelayedNode>] {
    guard isKnownUniquelyReferenced(&extras) else { return [] }
    return extras?.takePredecessors() ?? []
  }

  /// Whether it is the site of such a node. Labels that are equal and stand at different addresses count as different.
  @inline(__always)
  fileprivate func isOf(_ label: (UInt64, UInt64), _ place: CompactLocation, _ kind: TaskKind) -> Bool {
    unsafeBitCast(self.label, to: (UInt64, UInt64).self) == label && self.place.line == place.line
      && self.place.file == place.file && self.kind == kind
  }
}

/// A node's reference to its site: by number where others have it too, else the site itself, which the node owns.
struct DelayedSiteReference {
  /// The number among the shared ones; without meaning where the node has a site of its own.
  let shared: UInt32
  let own: DelayedSite?

  @inline(__always)
  var isOwned: Bool { own != nil }

  @inline(__always)
  init(_ label: String, _ place: CompactLocation, _ kind: TaskKind, _ extras: DelayedExtras?) {
    if extras == nil, let number = SharedSites.number(label, place, kind) {
      shared = number
      own = nil
    } else {
      shared = 0
      own = DelayedSite(label: label, place: place, kind: kind, extras: extras)
    }
  }
}

/// The sites that are shared: a table that is never cleared, so that it is read without a lock and nodes need not count
/// their references.
///
/// The hash is that of the place alone, and a place has eight entries at most. So labels that are made while the program runs, a
/// million of them in a loop, take no room from other lines; those that find no entry get a site for each node.
enum SharedSites {
  /// The addresses of sites, or 0. Unsafe: the pointer is constant, and what it points to is atomic.
  nonisolated(unsafe) private static let table: UnsafeMutablePointer<Atomic<UInt>> = {
    let table = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: count)
    for place in 0..<count { (table + place).initialize(to: Atomic(0)) }
    return table
  }()
  private static let count = 4096
  private static let tries = 8

  /// The site with a number that was given for it.
  static func site(_ number: UInt32) -> DelayedSite {
    // Acquires the site that another thread may have made.
    let word = table[Int(number)].load(ordering: .acquiring)
    guard let address = UnsafeRawPointer(bitPattern: word) else { fatalError("no site has the number \(number)") }
    return Unmanaged<DelayedSite>.fromOpaque(address).takeUnretainedValue()
  }

  /// The number of the site for such nodes, which is made where there is none yet; nil when there is no room for it.
  @inline(__always)
  fileprivate static func number(_ label: String, _ place: CompactLocation, _ kind: TaskKind) -> UInt32? {
    let table = table
    let bits = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let home = slot(place, kind)
    for step in 0..<tries {
      // Acquires the site that another thread has made.
      let slot = (home &+ step) & (count &- 1)
      let word = table[slot].load(ordering: .acquiring)
      guard let address = UnsafeRawPointer(bitPattern: word) else { return added(label, place, kind) }
      let site = Unmanaged<DelayedSite>.fromOpaque(address)
      if site._withUnsafeGuaranteedRef({ $0.isOf(bits, place, kind) }) { return UInt32(truncatingIfNeeded: slot) }
    }
    return nil
  }

  @inline(__always)
  private static func slot(_ place: CompactLocation, _ kind: TaskKind) -> Int {
    let word = UInt64(place.file) ^ UInt64(place.line) &* 0x85eb_ca6b ^ UInt64(kind.rawValue) &<< 60
    return Int(truncatingIfNeeded: (word &* 0x9e37_79b9_7f4a_7c15) &>> 52)
  }

  @inline(never)
  private static func added(_ label: String, _ place: CompactLocation, _ kind: TaskKind) -> UInt32? {
    let bits = unsafeBitCast(label, to: (UInt64, UInt64).self)
    let new = Unmanaged.passRetained(DelayedSite(label: label, place: place, kind: kind, extras: nil))
    let home = slot(place, kind)
    for step in 0..<tries {
      // Releases the site to those who read its address; acquires that of another thread which was faster.
      let slot = (home &+ step) & (count &- 1)
      let (added, word) = table[slot].compareExchange(
        expected: 0, desired: UInt(bitPattern: new.toOpaque()), ordering: .acquiringAndReleasing)
      if added { return UInt32(truncatingIfNeeded: slot) }
      guard let address = UnsafeRawPointer(bitPattern: word) else { continue }
      let site = Unmanaged<DelayedSite>.fromOpaque(address)
      if site._withUnsafeGuaranteedRef({ $0.isOf(bits, place, kind) }) {
        new.release()
        return UInt32(truncatingIfNeeded: slot)
      }
    }
    new.release()
    return nil
  }
}
