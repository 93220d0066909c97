import MartletGraph

/// The numbers that the labels of some sites have in the graph that is being written: a node's label is found by the address
/// of its site, without a look at it.
struct RecentLabels: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// That of the site, which lives as long as the nodes that are written down; or 0.
    var address: UInt = 0
    var label: UInt32 = 0
    var kind: TaskKind = .closure
  }

  private static let count = 64
  private let entries: UnsafeMutablePointer<Entry>

  init() {
    entries = .allocate(capacity: RecentLabels.count)
    entries.initialize(repeating: Entry(), count: RecentLabels.count)
  }

  deinit { entries.deallocate() }

  /// The entry that a site has or would have: the last one that was put there.
  subscript(address: UInt) -> Entry {
    @inline(__always) get { entries[RecentLabels.place(address)] }
    @inline(__always) nonmutating set { entries[RecentLabels.place(address)] = newValue }
  }

  @inline(__always)
  private static func place(_ address: UInt) -> Int {
    Int(truncatingIfNeeded: (UInt64(address) &* 0x9e37_79b9_7f4a_7c15) &>> 58)
  }
}
