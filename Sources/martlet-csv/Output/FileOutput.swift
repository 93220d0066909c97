import Martlet
import MartletSystem
import MartletTable
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A file that appears under its name only when all of it has been written.
///
/// The bytes go to a file without a name in the same directory (`O_TMPFILE`), or where the file system has no such
/// files to `.NAME.XXXXXX.martlet`, which is removed on every way out. `commit` renames it over the old file, whose
/// permissions it takes. What is no regular file (a device, a pipe) is written directly. A symbolic link is followed:
/// the file that it names is replaced, not the link.
///
/// `@unchecked Sendable`: `OutputTarget` promises one thread at a time, and the others only call after the run.
final class FileOutput: OutputTarget, @unchecked Sendable {
  /// The path as it was typed, for messages.
  let name: String
  private let path: String
  private let directory: String
  /// The name of the temporary file; nil while it has none, or for a device.
  private var temporaryPath: String?
  private let isDirect: Bool
  private let oldStatus: stat?
  private var writer: DescriptorWriter
  private var isOpen = true

  init(_ name: String) throws(TableError) {
    self.name = name
    guard !name.isEmpty else {
      throw TableError(
        .unwritable, "the output has an empty name", remedy: "write --output FILE, or - for standard output")
    }
    path = Self.followed(name)
    directory = Self.directory(of: path)
    var status = stat()
    let exists = stat(path.systemName, &status) == 0
    if !exists, errno != ENOENT { throw SystemFailure.last.error(.unwritable, file: name, "cannot be created") }
    if exists, status.st_mode & S_IFMT == S_IFDIR {
      throw TableError(.unwritable, file: name, "is a directory", remedy: "name a file in it")
    }
    if path.hasSuffix("/") {
      throw TableError(.unwritable, file: name, "names a directory that does not exist", remedy: "name a file")
    }
    oldStatus = exists ? status : nil
    isDirect = exists && status.st_mode & S_IFMT != S_IFREG
    if isDirect {
      let descriptor = open(path.systemName, O_WRONLY | O_CLOEXEC | O_NOCTTY)
      guard descriptor >= 0 else { throw SystemFailure.last.error(.unwritable, file: name, "cannot be opened") }
      writer = DescriptorWriter(descriptor, name: name)
      return
    }
    if exists, access(path.systemName, W_OK) != 0 {
      // Renaming over it would be allowed, and yet not what its owner wants.
      throw SystemFailure.last.error(.unwritable, file: name, "may not be replaced")
    }
    var descriptor = martlet_open_unnamed(directory.systemName)
    if descriptor >= 0, access("/proc/self/fd/\(descriptor)", F_OK) != 0 {
      close(descriptor)
      descriptor = -1
    }
    if descriptor < 0 {
      let unnamed = errno
      let candidate = Self.temporaryName(beside: path)
      descriptor = open(candidate.systemName, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o666)
      if descriptor < 0 {
        let failure = errno == EEXIST ? SystemFailure(number: unnamed) : .last
        throw failure.error(.unwritable, file: name, "cannot be created in \(directory)")
      }
      temporaryPath = candidate
      TemporaryFile.pending = candidate
    }
    writer = DescriptorWriter(descriptor, name: name)
  }

  deinit { discard() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(TableError) {
    try writer.write(bytes)
  }

  /// Gives the file its name. On failure the old file is as it was.
  func commit() throws(TableError) {
    guard isOpen else { return }
    do throws(TableError) {
      try writer.flush()
      if !isDirect { try replace() }
      isOpen = false
      // A network file system may report a full disk only here; the bytes are named by then, so it comes too late to
      // keep the old file, but not to be told.
      if close(writer.descriptor) != 0, errno != EINTR {
        throw SystemFailure.last.error(.unwritable, file: name, "cannot be completed")
      }
    } catch {
      discard()
      throw error
    }
  }

  /// Removes what has been written.
  func discard() {
    if isOpen {
      isOpen = false
      close(writer.descriptor)
    }
    if let temporaryPath { unlink(temporaryPath.systemName) }
    temporaryPath = nil
    TemporaryFile.pending = nil
  }

  private func replace() throws(TableError) {
    if let oldStatus {
      // Only root may give files away; the mode comes second, because a new owner clears the set-user bits.
      _ = fchown(writer.descriptor, oldStatus.st_uid, oldStatus.st_gid)
      _ = fchmod(writer.descriptor, oldStatus.st_mode & 0o7777)
    }
    if temporaryPath == nil {
      let source = "/proc/self/fd/\(writer.descriptor)"
      if oldStatus == nil, linkat(AT_FDCWD, source, AT_FDCWD, path.systemName, AT_SYMLINK_FOLLOW) == 0 { return }
      let candidate = Self.temporaryName(beside: path)
      guard linkat(AT_FDCWD, source, AT_FDCWD, candidate.systemName, AT_SYMLINK_FOLLOW) == 0 else {
        throw SystemFailure.last.error(.unwritable, file: name, "cannot be named")
      }
      temporaryPath = candidate
      TemporaryFile.pending = candidate
    }
    guard rename(temporaryPath!.systemName, path.systemName) == 0 else {
      throw SystemFailure.last.error(.unwritable, file: name, "cannot be replaced")
    }
    temporaryPath = nil
    TemporaryFile.pending = nil
  }

  /// The path behind symbolic links, also when the last one names nothing yet.
  private static func followed(_ path: String) -> String {
    var path = path
    for _ in 0..<40 {
      var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      let length = readlink(path.systemName, &target, target.count - 1)
      guard length > 0 else { return path }
      let text = FileName.text(target[..<length].map { UInt8(bitPattern: $0) })
      path = text.hasPrefix("/") ? text : directory(of: path) + "/" + text
    }
    return path
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func temporaryName(beside path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? "output"
    var generator = SystemRandomNumberGenerator()
    let mark = String(generator.next() as UInt64, radix: 36)
    // A name near the limit of 255 bytes would not bear the additions.
    let stem = FileName.text(FileName.bytes(file).prefix(200))
    return directory(of: path) + "/.\(stem).\(mark).martlet"
  }
}

/// The temporary file that exists now, so that the thread that receives signals can remove it.
enum TemporaryFile {
  /// A path as a C string, and the one that was pending before. None is freed: the signal thread may still read it,
  /// and there are at most a few in the life of the process.
  private struct Entry {
    let path: UnsafePointer<CChar>?
    let before: UnsafePointer<Entry>?
  }

  /// The address of the newest entry; 0 for none.
  private static let newest = Atomic<UInt>(0)

  static var pending: String? {
    get {
      let entry = UnsafePointer<Entry>(bitPattern: newest.load(ordering: .acquiring))
      return entry?.pointee.path.map { FileName.text($0) }
    }
    set {
      let entry = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
      entry.initialize(
        to: Entry(
          path: newValue.flatMap { strdup($0.systemName).map { UnsafePointer($0) } },
          before: UnsafePointer(bitPattern: newest.load(ordering: .relaxed))))
      // Publishes the entry; pairs with the acquiring load above.
      newest.store(UInt(bitPattern: entry), ordering: .releasing)
    }
  }

  static func remove() {
    if let pending { unlink(pending.systemName) }
  }
}
