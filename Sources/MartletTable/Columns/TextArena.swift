/// Memory for texts that are made during a batch; taken in one piece after the other, given back all at once.
///
/// Every text is followed by at least 16 readable bytes. Not thread safe.
package final class TextArena {
  private var slabs: [UnsafeMutableRawBufferPointer] = []
  private var slab = 0
  private var used = 0

  package init() {}

  deinit { for slab in slabs { slab.deallocate() } }

  /// Room for `count` bytes, valid until `reset()`.
  package func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    while slab < slabs.count {
      if used + count + 16 <= slabs[slab].count {
        let address = slabs[slab].baseAddress! + used
        used += count
        return address.assumingMemoryBound(to: UInt8.self)
      }
      slab += 1
      used = 0
    }
    slabs.append(.allocate(byteCount: max(1 << 16, count + 16), alignment: 64))
    used = count
    return slabs[slab].baseAddress!.assumingMemoryBound(to: UInt8.self)
  }

  /// Gives all texts back. Slabs of usual size are kept, so that a steady state allocates nothing.
  package func reset() {
    if slabs.contains(where: { $0.count > 1 << 20 }) {
      for slab in slabs where slab.count > 1 << 20 { slab.deallocate() }
      slabs.removeAll { $0.count > 1 << 20 }
    }
    slab = 0
    used = 0
  }
}
