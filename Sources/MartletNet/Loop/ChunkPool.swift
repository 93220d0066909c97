/// Memory that small messages are gathered in, kept for reuse.
final class ChunkPool {
  let chunkBytes: Int
  private let kept: Int
  private var free: [UnsafeMutableRawPointer] = []

  init(chunkBytes: Int, kept: Int) {
    self.chunkBytes = chunkBytes
    self.kept = max(0, kept)
    free.reserveCapacity(self.kept)
  }

  deinit { removeAll() }

  func take() -> UnsafeMutableRawPointer {
    free.popLast() ?? .allocate(byteCount: chunkBytes, alignment: 64)
  }

  func give(_ chunk: UnsafeMutableRawPointer) {
    if free.count < kept { free.append(chunk) } else { chunk.deallocate() }
  }

  func removeAll() {
    for chunk in free { chunk.deallocate() }
    free.removeAll()
  }
}
