import Glibc
import MartletBytes

/// A file with one value: 32 bytes of head, the segments of the value as on the wire, its bytes.
///
/// The head: magic, bytes of the value, bytes of the segments, and XXH64 of everything behind the head, eight bytes each. Bytes
/// go between the file and the place where they lie in blocks that fit into a processor's cache, and each block goes through the
/// checksum on the way.
final class SpillFile: Sendable {
  typealias Failure = SpillDirectory.Failure

  /// Bytes that are read or written at one time.
  static let blockBytes = 256 << 10
  private static let headBytes = 32
  private static let magic: UInt64 = 0x326C_6C69_7073_4D  // "Mspill2"

  /// Open for reading as long as the object lives.
  let descriptor: Int32
  private let path: String
  let segments: ByteSegments
  /// Where the bytes of the value begin.
  let offset: Int
  private let segmentBytes: [UInt8]
  private let sum: UInt64

  var byteCount: Int { segments.byteCount }

  // MARK: Writing

  /// Writes a file; its length.
  static func write(_ bytes: WrittenBytes, to path: String) throws(Failure) -> Int64 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0 { throw .system("make \(path)") }
    var segments = ByteWriter()
    bytes.segments.write(to: &segments)
    var sum = SpillChecksum()
    var isWritten = lseek(descriptor, off_t(headBytes), SEEK_SET) == headBytes
    if isWritten { isWritten = segments.bytes.withUnsafeBytes { append($0, to: descriptor, &sum) } }
    for piece in bytes.pieces where isWritten { isWritten = append(piece, to: descriptor, &sum) }
    if isWritten {
      var head = ByteWriter(capacity: headBytes)
      head.write(magic)
      head.write(UInt64(bytes.byteCount))
      head.write(UInt64(segments.bytes.count))
      head.write(sum.value)
      isWritten = head.bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) } == headBytes
    }
    let failure = isWritten ? nil : Failure.system("write \(path)")
    // Some file systems say only now that the disk is full.
    let isClosed = Glibc.close(descriptor) == 0
    if isWritten, isClosed { return Int64(headBytes + segments.bytes.count + bytes.byteCount) }
    let reason = failure ?? Failure.system("write \(path)")
    unlink(path)
    throw reason
  }

  /// Writes bytes behind those before.
  private static func append(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ sum: inout SpillChecksum
  ) -> Bool {
    var place = 0
    while place < bytes.count {
      let block = UnsafeRawBufferPointer(rebasing: bytes[place..<min(place + blockBytes, bytes.count)])
      sum.add(block)
      var written = 0
      while written < block.count {
        let got = Glibc.write(descriptor, block.baseAddress! + written, block.count - written)
        if got < 0, errno == EINTR { continue }
        if got <= 0 { return false }
        written += got
      }
      place += block.count
    }
    return true
  }

  // MARK: Reading

  /// Opens a file, and reads its head. Nothing is allocated for more than the file has.
  init(_ path: String) throws(Failure) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0 { throw .system("open \(path)") }
    let (segments, segmentBytes, sum): (ByteSegments, [UInt8], UInt64)
    do throws(Failure) {
      (segments, segmentBytes, sum) = try SpillFile.readHead(descriptor, path)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    self.segments = segments
    self.segmentBytes = segmentBytes
    self.sum = sum
    offset = SpillFile.headBytes + segmentBytes.count
  }

  deinit { Glibc.close(descriptor) }

  private static func readHead(
    _ descriptor: Int32, _ path: String
  ) throws(Failure) -> (ByteSegments, [UInt8], UInt64) {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw .system("look at \(path)") }
    let behind = Int(status.st_size) - headBytes
    let damaged = Failure(description: "\(path) is damaged: its length is not as it was")
    let head = LandedBytes(ByteSegments(byteCount: headBytes))
    for room in head.rooms where try !read(descriptor, room, at: 0, path) { throw damaged }
    var reader = head.reader
    guard let magic = try? reader.read(UInt64.self), magic == SpillFile.magic,
      let byteCount = try? reader.read(UInt64.self), let segmentCount = try? reader.read(UInt64.self),
      let sum = try? reader.read(UInt64.self), behind >= 0, segmentCount <= UInt64(behind),
      byteCount == UInt64(behind) - segmentCount
    else { throw damaged }
    let list = LandedBytes(ByteSegments(byteCount: Int(segmentCount)))
    for room in list.rooms where try !read(descriptor, room, at: headBytes, path) { throw damaged }
    do throws(ByteError) {
      var reader = list.reader
      let segments = try ByteSegments(from: &reader, byteCount: Int(byteCount))
      try reader.requireEnd()
      return (segments, list.bytes, sum)
    } catch {
      throw Failure(description: "\(path) is damaged: \(error)")
    }
  }

  /// Reads the value to where its arrays will lie.
  func read() throws(Failure) -> LandedBytes {
    let landed = LandedBytes(segments)
    try go(through: landed.rooms)
    return landed
  }

  /// Looks whether the bytes are those that were written. Takes no memory for them.
  func check() throws(Failure) {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: SpillFile.blockBytes, alignment: 64)
    defer { block.deallocate() }
    var rooms: [UnsafeMutableRawBufferPointer] = []
    var rest = byteCount
    while rest > 0 {
      rooms.append(UnsafeMutableRawBufferPointer(rebasing: block[..<min(rest, block.count)]))
      rest -= min(rest, block.count)
    }
    try go(through: rooms)
  }

  /// Reads all bytes, and compares their checksum with that of the head.
  private func go(through rooms: [UnsafeMutableRawBufferPointer]) throws(Failure) {
    var sum = SpillChecksum()
    segmentBytes.withUnsafeBytes { sum.add($0) }
    var offset = offset
    for room in rooms {
      var place = 0
      while place < room.count {
        let block = UnsafeMutableRawBufferPointer(
          rebasing: room[place..<min(place + SpillFile.blockBytes, room.count)])
        guard try SpillFile.read(descriptor, block, at: offset, path) else {
          throw Failure(description: "\(path) is damaged: it is shorter than it was")
        }
        sum.add(UnsafeRawBufferPointer(block))
        place += block.count
        offset += block.count
      }
    }
    if sum.value != self.sum { throw Failure(description: "\(path) is damaged: the checksum is wrong") }
  }

  /// False when the file is shorter.
  private static func read(
    _ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer, at offset: Int, _ path: String
  ) throws(Failure) -> Bool {
    var filled = 0
    while filled < room.count {
      let got = pread(descriptor, room.baseAddress! + filled, room.count - filled, off_t(offset + filled))
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw .system("read \(path)") }
      if got == 0 { return false }
      filled += got
    }
    return true
  }
}
