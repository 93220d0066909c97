import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// Bytes on their way into a descriptor, small pieces joined to larger ones.
struct DescriptorWriter {
  let descriptor: Int32
  /// What error messages call it.
  let name: String
  private var buffer: [UInt8] = []
  private static let capacity = 1 << 16

  init(_ descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
    buffer.reserveCapacity(Self.capacity)
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(TableError) {
    if buffer.count + bytes.count <= Self.capacity {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    if bytes.count >= Self.capacity / 2 { try writeAll(bytes) } else { buffer.append(contentsOf: bytes) }
  }

  mutating func flush() throws(TableError) {
    if buffer.isEmpty { return }
    var failure: TableError?
    buffer.withUnsafeBytes { bytes in
      do throws(TableError) { try writeAll(bytes) } catch { failure = error }
    }
    buffer.removeAll(keepingCapacity: true)
    if let failure { throw failure }
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(TableError) {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if written < 0, errno == EAGAIN {
        // Somebody made the shared pipe or terminal non-blocking.
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, -1)
      } else if written < 0, errno != EINTR {
        throw SystemFailure.last.error(.unwritable, file: name, "cannot be written")
      }
    }
  }
}
