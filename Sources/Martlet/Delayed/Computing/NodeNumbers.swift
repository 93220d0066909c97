import Glibc

/// The tasks that nodes were written down as: a hash table by address, at most three quarters full.
///
/// Nodes that were made one after the other mostly lie one after the other in memory; such neighbours have their entries in
/// one line of the cache.
struct NodeNumbers: ~Copyable {
  /// An index into `addresses` plus one, or 0.
  private var table: UnsafeMutablePointer<UInt32>
  private var mask: Int
  private var addresses: UnsafeMutablePointer<UInt>
  private var tasks: UnsafeMutablePointer<UInt32>
  private(set) var count = 0
  private var capacity: Int

  init() {
    capacity = 48
    mask = 63
    table = NodeNumbers.zeroed(64)
    addresses = NodeNumbers.grown(nil, capacity)
    tasks = NodeNumbers.grown(nil, capacity)
  }

  deinit {
    free(table)
    free(addresses)
    free(tasks)
  }

  /// The task of a node, or nil.
  @inline(__always)
  func task(of address: UInt) -> UInt32? {
    var place = home(address)
    while true {
      let entry = table[place]
      if entry == 0 { return nil }
      if addresses[Int(entry &- 1)] == address { return tasks[Int(entry &- 1)] }
      place = (place &+ 1) & mask
    }
  }

  /// Adds a node that is not there.
  mutating func insert(_ address: UInt, task: UInt32) {
    if count == capacity { grow() }
    addresses[count] = address
    tasks[count] = task
    count &+= 1
    put(UInt32(truncatingIfNeeded: count))
  }

  @inline(__always)
  private func home(_ address: UInt) -> Int {
    // The nodes in 512 bytes, some four, begin in one line of the cache; lines are chosen at random.
    let line = Int(truncatingIfNeeded: (UInt64(address) &>> 9 &* 0x9e37_79b9_7f4a_7c15) &>> 32)
    return (line &<< 4 | Int(truncatingIfNeeded: address &>> 5) & 15) & mask
  }

  private mutating func put(_ entry: UInt32) {
    var place = home(addresses[Int(entry &- 1)])
    while table[place] != 0 { place = (place &+ 1) & mask }
    table[place] = entry
  }

  private mutating func grow() {
    free(table)
    mask = 2 * mask + 1
    capacity *= 2
    table = NodeNumbers.zeroed(mask + 1)
    addresses = NodeNumbers.grown(addresses, capacity)
    tasks = NodeNumbers.grown(tasks, capacity)
    for entry in 1...UInt32(count) { put(entry) }
  }

  private static func zeroed(_ count: Int) -> UnsafeMutablePointer<UInt32> {
    guard let memory = calloc(count, 4) else { fatalError("no memory for \(4 * count) bytes") }
    return memory.assumingMemoryBound(to: UInt32.self)
  }

  private static func grown<Word>(_ old: UnsafeMutablePointer<Word>?, _ count: Int) -> UnsafeMutablePointer<Word> {
    guard let memory = realloc(old, count * MemoryLayout<Word>.stride) else {
      fatalError("no memory for \(count * MemoryLayout<Word>.stride) bytes")
    }
    return memory.assumingMemoryBound(to: Word.self)
  }
}
