import MartletSystem

#if canImport(Glibc)
  import Glibc
#endif

/// A pipe, a terminal or anything else that can be read only once and in order.
///
/// Bytes are fetched when somebody asks for them, never ahead: a consumer that stops early leaves an endless pipe
/// where it is. What was fetched is kept, so that it can be read again from any offset: the first `memoryBytes` in
/// memory, the rest in a temporary file that has no name any more and vanishes with the process. What is released goes before
/// that, where the file system can free a part of a file.
package final class PipeSource: ByteSource, @unchecked Sendable {  // the mutex guards all that changes
  package let name: String
  private let descriptor: Int32
  private let closesDescriptor: Bool
  private let memoryBytes: Int
  private let spoolDirectory: String
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  /// Pieces of `pieceBytes` each, `memoryBytes` in all.
  private var pieces: [UnsafeMutableRawPointer?] = []
  private let chunk: UnsafeMutableRawBufferPointer
  private var spool: Int32 = -1
  private var fetched = 0
  private var isAtEnd = false
  private var forgotten = ReleasedBytes()

  private static let pieceBytes = 1 << 18

  /// Reads from `descriptor`, which stays open unless `closesDescriptor` says otherwise.
  ///
  /// The temporary file is made in `spoolDirectory`, or where `TMPDIR` says, or in `/tmp`.
  package init(
    descriptor: Int32, name: String = "-", memoryBytes: Int = 8 << 20, spoolDirectory: String? = nil,
    closesDescriptor: Bool = false
  ) {
    self.spoolDirectory = spoolDirectory ?? Self.temporaryDirectory
    self.name = name
    self.descriptor = descriptor
    self.closesDescriptor = closesDescriptor
    self.memoryBytes = (max(memoryBytes, 1) + Self.pieceBytes - 1) / Self.pieceBytes * Self.pieceBytes
    chunk = .allocate(byteCount: Self.pieceBytes, alignment: 64)
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    for piece in pieces { piece?.deallocate() }
    chunk.deallocate()
    if spool >= 0 { close(spool) }
    if closesDescriptor { close(descriptor) }
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  package var byteCount: Int? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return isAtEnd ? fetched : nil
  }

  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    guard buffer.count > 0 else { return 0 }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while offset >= fetched && !isAtEnd { try fetch() }
    guard offset < fetched else { return 0 }
    guard offset >= forgotten.count else { throw .cannotRead(name, ESTALE) }
    return try readKept(at: offset, into: buffer)
  }

  /// Bytes that were fetched, at least one; called with the mutex held.
  private func readKept(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    let wanted = min(buffer.count, fetched - offset)
    if offset < memoryBytes {
      let start = offset % Self.pieceBytes
      let count = min(wanted, Self.pieceBytes - start)
      buffer.baseAddress!.copyMemory(from: pieces[offset / Self.pieceBytes]! + start, byteCount: count)
      return count
    }
    var got: Int
    repeat { got = pread(spool, buffer.baseAddress!, wanted, offset - memoryBytes) } while got < 0 && errno == EINTR
    guard got > 0 else { throw .cannotRead(name, got < 0 ? errno : EIO) }
    return got
  }

  package var released: ReleasedBytes {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return forgotten
  }

  package func release(before offset: Int) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard offset > forgotten.count, offset <= fetched else { return }
    var passed = forgotten
    while passed.count < offset {
      let room = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, offset - passed.count)])
      // What cannot be read is kept: whoever wants it will be told.
      guard let got = try? readKept(at: passed.count, into: room) else { return }
      let bytes = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      passed.lineEnds += martlet_csv_line_ends(bytes, got, &passed.afterReturn)
      passed.count += got
    }
    for piece in pieces.indices.prefix(passed.count / Self.pieceBytes) {
      pieces[piece]?.deallocate()
      pieces[piece] = nil
    }
    if spool >= 0, passed.count > memoryBytes {
      // A file system that cannot do it keeps the bytes until the end.
      _ = martlet_free_start(spool, Int64(passed.count - memoryBytes))
    }
    forgotten = passed
  }

  /// Bytes of disk that the temporary file takes; zero while there is none.
  var spooledBytes: Int {
    var status = stat()
    return spool >= 0 && fstat(spool, &status) == 0 ? Int(status.st_blocks) * 512 : 0
  }

  /// Reads the next piece of the pipe and keeps it; called with the mutex held.
  private func fetch() throws(TableError) {
    if fetched < memoryBytes {
      let start = fetched % Self.pieceBytes
      if start == 0 && pieces.count * Self.pieceBytes == fetched {
        pieces.append(.allocate(byteCount: Self.pieceBytes, alignment: 64))
      }
      fetched += try readPipe(pieces[fetched / Self.pieceBytes]! + start, Self.pieceBytes - start)
      return
    }
    let count = try readPipe(chunk.baseAddress!, chunk.count)
    guard count > 0 else { return }
    if spool < 0 { spool = try makeSpool() }
    var written = 0
    while written < count {
      let part = pwrite(spool, chunk.baseAddress! + written, count - written, fetched - memoryBytes + written)
      if part < 0 && errno == EINTR { continue }
      guard part > 0 else { throw .cannotSpool(name, spoolDirectory, part < 0 ? errno : ENOSPC) }
      written += part
    }
    fetched += count
  }

  private func readPipe(_ address: UnsafeMutableRawPointer, _ room: Int) throws(TableError) -> Int {
    while true {
      let got = Glibc.read(descriptor, address, room)
      if got > 0 { return got }
      if got == 0 {
        isAtEnd = true
        return 0
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Somebody made the pipe non-blocking; wait as a blocking read would.
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&request, 1, -1)
      default: throw .cannotRead(name, errno)
      }
    }
  }

  private static var temporaryDirectory: String {
    guard let path = getenv("TMPDIR"), path.pointee != 0 else { return "/tmp" }
    return String(cString: path)
  }

  private func makeSpool() throws(TableError) -> Int32 {
    var template = Array((spoolDirectory + "/martlet-XXXXXX").utf8CString)
    let file = mkstemp(&template)
    guard file >= 0 else { throw .cannotSpool(name, spoolDirectory, errno) }
    unlink(template)
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    return file
  }
}
