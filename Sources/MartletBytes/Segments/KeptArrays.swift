/// Large arrays that values came in, kept so that the memory of one that nobody uses any more serves the next of its kind and length.
/// New memory is dear: the kernel clears it, and below a virtual machine the host has to find it first. Measured with a C program that reads
/// 100 MB from another process: 5 to 7 GB/s into memory that was kept, 0.5 where the host had taken free memory back.
///
/// An array in use is shared with who uses it: who changes his copy gets one of his own, as ever. It belongs to one thread.
package final class KeptArrays: @unchecked Sendable {
  // Sendable: who owns it uses it on one thread.
  /// Stands for the class of an array's memory, of which nothing but its references is used. `AnyObject` would not do:
  /// a call with that makes a reference of its own, and nothing would ever be free.
  private final class Storage {}

  private struct Entry {
    /// The memory of an array; nobody else refers to it when the array is free.
    var storage: Storage
    let element: ObjectIdentifier
    let byteCount: Int
    /// When it was first seen to be free; nil since it was used.
    var freeSince: UInt64?
  }

  /// Shorter arrays are not kept: the C library keeps freed memory up to this length itself (its largest threshold for
  /// memory that goes back to the system at once).
  package static let leastBytes = 32 << 20
  /// Bytes of all arrays that are kept, in use or free, at most.
  package let limitBytes: Int
  private let leastBytes: Int
  /// The one that was used last comes last.
  private var entries: [Entry] = []
  /// Bytes of all arrays that are kept, in use or free.
  package private(set) var byteCount = 0

  package init(limitBytes: Int, leastBytes: Int = KeptArrays.leastBytes) {
    self.limitBytes = limitBytes
    self.leastBytes = leastBytes
  }

  /// An array of so many elements, with whatever lies there: a kept one, or a new one by `make`, which is kept from now on.
  func array<Element: BitwiseCopyable & Sendable>(
    count: Int, of type: Element.Type, make: () -> [Element]
  ) -> [Element] {
    let wanted = count * MemoryLayout<Element>.stride
    guard wanted >= leastBytes, wanted <= limitBytes else { return make() }
    for place in entries.indices where entries[place].byteCount == wanted {
      // Nobody can come to refer to it who does not now.
      guard entries[place].element == ObjectIdentifier(type), isKnownUniquelyReferenced(&entries[place].storage) else {
        continue
      }
      var entry = entries.remove(at: place)
      entry.freeSince = nil
      entries.append(entry)
      return unsafeBitCast(entry.storage, to: [Element].self)
    }
    // Room first: so the memory that goes can serve the new one.
    while byteCount > limitBytes - wanted { drop(0) }
    let array = make()
    // An array is one reference to its memory.
    entries.append(
      Entry(
        storage: unsafeBitCast(array, to: Storage.self), element: ObjectIdentifier(type), byteCount: wanted,
        freeSince: nil))
    byteCount += wanted
    return array
  }

  /// Bytes of the arrays that nobody uses.
  package var freeBytes: Int {
    var bytes = 0
    for place in entries.indices where isKnownUniquelyReferenced(&entries[place].storage) {
      bytes += entries[place].byteCount
    }
    return bytes
  }

  /// Lets go of arrays that were found free for so long; any unit of time.
  package func sweep(at now: UInt64, after limit: UInt64) {
    for place in entries.indices.reversed() {
      if !isKnownUniquelyReferenced(&entries[place].storage) {
        entries[place].freeSince = nil
      } else if let since = entries[place].freeSince {
        if now >= since, now - since >= limit { drop(place) }
      } else {
        entries[place].freeSince = now
      }
    }
  }

  /// Lets go of all arrays; those in use stay with their users.
  package func removeAll() {
    entries = []
    byteCount = 0
  }

  private func drop(_ place: Int) { byteCount -= entries.remove(at: place).byteCount }
}
