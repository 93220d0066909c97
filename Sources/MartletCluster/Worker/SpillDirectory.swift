import Glibc

/// The directory that one worker spills into, below one that all workers share. A file beside it, locked while the worker
/// lives, tells others that it is in use: the lock goes with the process, however that ends.
final class SpillDirectory: Sendable {
  /// What went wrong, for people.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let path: String
  private let lockPath: String
  private let lock: Int32

  private static let prefix = "martlet-worker-"
  private static let lockSuffix = ".lock"

  /// Makes one, and removes those of processes that are gone.
  ///
  /// - Parameter parent: Where; empty: `martlet-UID` in the system's directory for short-lived files.
  init(in parent: String) throws(Failure) {
    let parent = parent.isEmpty ? try SpillDirectory.standardParent() : parent
    if mkdir(parent, 0o700) != 0, errno != EEXIST { throw .system("make the directory \(parent)") }
    for _ in 0..<16 {
      let name = SpillDirectory.prefix + "\(getpid())-" + String(UInt64.random(in: 1 ... .max), radix: 36)
      let path = parent + "/" + name
      let lockPath = path + SpillDirectory.lockSuffix
      let lock = open(lockPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
      if lock < 0 {
        if errno == EEXIST { continue }
        throw .system("make a file in \(parent)")
      }
      // Who looks for what is left behind may have been faster: then this name is gone.
      var status = stat()
      guard flock(lock, LOCK_EX | LOCK_NB) == 0, fstat(lock, &status) == 0, status.st_nlink > 0 else {
        close(lock)
        continue
      }
      if mkdir(path, 0o700) != 0 {
        let failure = Failure.system("make the directory \(path)")
        unlink(lockPath)
        close(lock)
        throw failure
      }
      self.path = path
      self.lockPath = lockPath
      self.lock = lock
      SpillDirectory.removeStale(in: parent)
      return
    }
    throw Failure(description: "cannot make a directory for spilled results in \(parent)")
  }

  /// Removes it with all that is in it.
  func remove() {
    SpillDirectory.empty(path)
    rmdir(path)
    unlink(lockPath)
    close(lock)
  }

  private static func standardParent() throws(Failure) -> String {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let path = (base.isEmpty ? "/tmp" : base) + "/martlet-\(getuid())"
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("make the directory \(path)") }
    // Anybody may make such a directory first.
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid() else {
      throw Failure(description: "\(path) belongs to somebody else: name another --local-directory")
    }
    return path
  }

  /// Removes the directories of workers that live no more.
  private static func removeStale(in parent: String) {
    for name in names(in: parent) where name.hasPrefix(prefix) && name.hasSuffix(lockSuffix) {
      let lockPath = parent + "/" + name
      let lock = open(lockPath, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
      if lock < 0 { continue }
      defer { close(lock) }
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { continue }
      let path = String(lockPath.dropLast(lockSuffix.count))
      empty(path)
      // One whose files cannot be removed stays with its lock, for the next one to try.
      if rmdir(path) == 0 || errno == ENOENT { unlink(lockPath) }
    }
  }

  private static func empty(_ path: String) {
    for name in names(in: path) { unlink(path + "/" + name) }
  }

  private static func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

extension SpillDirectory.Failure {
  /// What the last system call says.
  static func system(_ doing: String) -> SpillDirectory.Failure {
    SpillDirectory.Failure(description: "cannot \(doing): \(String(cString: strerror(errno)))")
  }
}
