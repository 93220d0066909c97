import Glibc
import MartletBytes
import MartletGraph

/// Values in files: written, read and removed on a thread of their own. How many wait is bounded by who asks: the core asks
/// for few at one time, and a requester for one.
final class SpillFiles: Sendable {
  /// What went wrong, for people.
  typealias Failure = SpillDirectory.Failure

  private let thread = JobThread(name: "files")
  let directory: SpillDirectory

  /// Magic, length, checksum: eight bytes each.
  private static let headBytes = 24
  private static let magic: UInt64 = 0x316C_6C69_7073_4D  // "Mspill1"

  init(_ directory: SpillDirectory) { self.directory = directory }

  /// Writes a value. `done` is called on the thread of the files, with the length of the file.
  ///
  /// - Parameter slot: Taken over, and cleared.
  func write(
    _ slot: Slot, _ type: PortableValueType, to file: UInt64,
    _ done: @escaping @Sendable (Result<Int64, Failure>) -> Void
  ) {
    let held = OwnedSlot(slot)
    thread.submit { [self] in
      done(Result { () throws(Failure) in try write(held.slot, type, path(file)) })
    }
  }

  /// Reads a value. Its slot is the caller's.
  func read(
    _ file: UInt64, _ type: PortableValueType, _ done: @escaping @Sendable (Result<OwnedSlot, Failure>) -> Void
  ) {
    thread.submit { [self] in
      done(
        Result { () throws(Failure) in
          let bytes = try read(path(file))
          do throws(ByteError) {
            return OwnedSlot(try type.slot(of: bytes))
          } catch {
            throw Failure(description: "its bytes cannot be read: \(error)")
          }
        })
    }
  }

  /// Reads the bytes of a value.
  func readBytes(_ file: UInt64, _ done: @escaping @Sendable (Result<EncodedBytes, Failure>) -> Void) {
    thread.submit { [self] in
      done(Result { () throws(Failure) in EncodedBytes(try read(path(file))) })
    }
  }

  func remove(_ file: UInt64) {
    thread.submit { [self] in unlink(path(file)) }
  }

  /// Removes everything, and ends the thread.
  func close() {
    thread.close { [directory] in directory.remove() }
  }

  var isDone: Bool { thread.isDone }

  private func path(_ file: UInt64) -> String { "\(directory.path)/\(file)" }

  // MARK: On the thread

  private func write(_ slot: Slot, _ type: PortableValueType, _ path: String) throws(Failure) -> Int64 {
    let bytes: [UInt8]
    do throws(ByteError) {
      bytes = try type.bytes(of: slot)
    } catch {
      throw Failure(description: "it has no bytes: \(error)")
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if descriptor < 0 { throw .system("make \(path)") }
    var head = ByteWriter(capacity: SpillFiles.headBytes)
    head.write(SpillFiles.magic)
    head.write(UInt64(bytes.count))
    head.write(bytes.withUnsafeBytes { SpillChecksum.of($0) })
    let isWritten =
      head.bytes.withUnsafeBytes { SpillFiles.writeAll(descriptor, $0) }
      && bytes.withUnsafeBytes { SpillFiles.writeAll(descriptor, $0) }
    let failure = isWritten ? nil : Failure.system("write \(path)")
    // Some file systems say only now that the disk is full.
    let isClosed = Glibc.close(descriptor) == 0
    if isWritten, isClosed { return Int64(SpillFiles.headBytes + bytes.count) }
    let reason = failure ?? Failure.system("write \(path)")
    unlink(path)
    throw reason
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, min(rest.count, 16 << 20))
      if written < 0, errno == EINTR { continue }
      if written <= 0 { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    return true
  }

  private func read(_ path: String) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0 { throw .system("open \(path)") }
    defer { Glibc.close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw .system("look at \(path)") }
    let count = Int(status.st_size) - SpillFiles.headBytes
    let head = ReceivedBytes(count: SpillFiles.headBytes)
    let hasHead = try SpillFiles.readAll(descriptor, head.room, path)
    var reader = ByteReader(head.bytes)
    guard hasHead, count >= 0, let magic = try? reader.read(UInt64.self), magic == SpillFiles.magic,
      let length = try? reader.read(UInt64.self), length == UInt64(count), let sum = try? reader.read(UInt64.self)
    else { throw Failure(description: "\(path) is damaged: its length is not as it was") }
    let bytes = ReceivedBytes(count: count)
    guard try SpillFiles.readAll(descriptor, bytes.room, path),
      SpillChecksum.of(UnsafeRawBufferPointer(bytes.room)) == sum
    else { throw Failure(description: "\(path) is damaged: the checksum is wrong") }
    return bytes.bytes
  }

  /// False when the file is shorter.
  private static func readAll(
    _ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer, _ path: String
  ) throws(Failure) -> Bool {
    var filled = 0
    while filled < room.count {
      let got = Glibc.read(descriptor, room.baseAddress! + filled, min(room.count - filled, 16 << 20))
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw .system("read \(path)") }
      if got == 0 { return false }
      filled += got
    }
    return true
  }
}

/// A slot on its way between threads; cleared when nobody took it.
final class OwnedSlot: @unchecked Sendable {
  // Sendable: one thread has it at a time.
  private(set) var slot: Slot

  init(_ slot: Slot) { self.slot = slot }

  deinit { slot.clear() }

  /// The slot, which is the caller's from now on.
  func take() -> Slot {
    defer { slot = Slot() }
    return slot
  }
}
