import MartletGraph

/// The numbers that the labels of some sites have in the graph that is being written: a node's label is found by the number
/// of its site, without a look at it.
struct RecentLabels: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// That of the site; the greatest where there is none.
    var site: UInt32 = .max
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
  subscript(site: UInt32) -> Entry {
    @inline(__always) get { entries[RecentLabels.place(site)] }
    @inline(__always) nonmutating set { entries[RecentLabels.place(site)] = newValue }
  }

  @inline(__always)
  private static func place(_ site: UInt32) -> Int {
    Int(truncatingIfNeeded: (site &* 0x9e37_79b1) &>> 26)
  }
}
