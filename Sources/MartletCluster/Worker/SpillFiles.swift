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
          let landed = try SpillFile(path(file)).read()
          do throws(ByteError) {
            return OwnedSlot(try type.slot(of: landed))
          } catch {
            throw Failure(description: "its bytes cannot be read: \(error)")
          }
        })
    }
  }

  /// A value of a file for its way out.
  enum Served: Sendable {
    case bytes(WrittenBytes)
    /// It is as it was written, and large.
    case file(SpillFile)
  }

  /// Looks through the file of a value, and gives a short one's bytes.
  func serve(_ file: UInt64, _ done: @escaping @Sendable (Result<Served, Failure>) -> Void) {
    thread.submit { [self] in
      done(
        Result { () throws(Failure) in
          let file = try SpillFile(path(file))
          if file.byteCount <= SpillFile.blockBytes { return .bytes(WrittenBytes(try file.read().bytes)) }
          try file.check()
          return .file(file)
        })
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
    let bytes: WrittenBytes
    do throws(ByteError) {
      bytes = try type.writtenBytes(of: slot)
    } catch {
      throw Failure(description: "it has no bytes: \(error)")
    }
    return try SpillFile.write(bytes, to: path)
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
