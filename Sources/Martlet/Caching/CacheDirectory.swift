import Glibc
import MartletBytes
import MartletEngine
import Synchronization

/// The results that a cache holds on disk, a file for each.
///
/// Processes that share the directory agree by the files alone. Which files go is decided by GreedyDual-Size, as in memory
/// (`GreedyDualSize`): each file holds its priority, which a reader renews in place. *L* is the process's own: the lowest
/// priority that it has seen in the directory, or the highest that it has removed.
final class CacheDirectory: @unchecked Sendable {
  // Sendable: `state` is used under the lock; the rest is constant or atomic.
  private let path: String
  private let budget: Int
  private let lock = Lock()
  private var state = State()
  private let writes = Atomic<Int>(0)

  private struct State {
    /// What the files take, as last seen, and what was written and removed since.
    var bytes = 0
    /// What was written since the directory was looked at.
    var bytesWritten = 0
    var inflation = 0.0
    var isSweeping = false
    var hits = 0
    var evictions = 0
    var damaged = 0
    var failedWrites = 0
  }

  /// A value's bytes and what computing it took.
  struct Content {
    var payload: [UInt8]
    var seconds: Double
  }

  /// Incomplete files of this age belong to a process that has ended.
  private static let abandonedSeconds = 3600
  /// More than any file can have got.
  private static let highestPriority = 1e15

  init(_ path: String, budget: Int) throws {
    self.path = path
    self.budget = max(0, budget)
    try CacheDirectory.make(path)
    guard let files = list() else { throw CacheError.unusable(path, CacheDirectory.lastReason) }
    state.bytes = files.reduce(0) { $0 + $1.bytes }
    state.inflation = files.map(\.priority).min() ?? 0
    sweepIfNeeded()
  }

  // MARK: Values

  /// The bytes for `key`, if there is an intact file with a value of this type.
  func read(_ key: Digest128, type: Digest128) -> Content? {
    let name = file(key)
    // To renew its priority; a directory that may only be read serves as well.
    var descriptor = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0, errno == EACCES || errno == EROFS || errno == EPERM {
      descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, let headBytes = read(descriptor, CacheFile.headBytes, at: 0) else {
      // Not the file's fault.
      return nil
    }
    guard let head = CacheFile.Head(headBytes), head.key == key, head.count == Int(status.st_size) - CacheFile.headBytes
    else {
      removeDamaged(key)
      return nil
    }
    guard head.type == type else { return nil }
    guard head.count <= budget, let payload = read(descriptor, head.count, at: CacheFile.headBytes) else { return nil }
    guard head.checksum == head.expectedChecksum(payload) else {
      removeDamaged(key)
      return nil
    }
    let use = lock.withLock { () -> CacheFile.Use in
      state.hits += 1
      return newUse(head.seconds, head.count)
    }
    // Where it fails the file has an older one.
    _ = use.bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress!, $0.count, CacheFile.useOffset) }
    return Content(payload: payload, seconds: head.seconds)
  }

  /// Writes a file for `key`, instead of one that is there; counts it as failed when that is not possible.
  func write(_ payload: [UInt8], for key: Digest128, type: Digest128, seconds: Double) {
    let bytes = CacheDirectory.taken(CacheFile.headBytes + payload.count)
    guard bytes <= budget else { return lock.withLock { state.evictions += 1 } }
    let use = lock.withLock { newUse(seconds, payload.count) }
    var writer = ByteWriter(capacity: CacheFile.headBytes)
    CacheFile.Head(key: key, type: type, seconds: seconds, payload: payload, use: use).write(to: &writer)
    let number = writes.wrappingAdd(1, ordering: .relaxed).newValue
    let temporary = "\(path)/\(CacheFile.temporaryName(of: key, process: getpid(), number: number))"
    let name = file(key)
    let replaced = CacheDirectory.taken(name)
    // Not synchronised with the disk: what a power failure leaves of it has a wrong checksum.
    guard create(temporary, writer.bytes, payload), rename(temporary, name) == 0 else {
      unlink(temporary)
      return lock.withLock { state.failedWrites += 1 }
    }
    lock.withLock {
      state.bytes += bytes - replaced
      state.bytesWritten += bytes
    }
    sweepIfNeeded()
  }

  /// Removes the file for `key`, which is not what it should be.
  func removeDamaged(_ key: Digest128) {
    let name = file(key)
    let bytes = CacheDirectory.taken(name)
    let isRemoved = unlink(name) == 0
    lock.withLock {
      state.damaged += 1
      if isRemoved { state.bytes -= bytes }
    }
  }

  func removeAll() {
    for name in names() ?? [] where CacheFile.isName(name) { unlink("\(path)/\(name)") }
    lock.withLock { state.bytes = 0 }
  }

  func report(to counters: inout ResultCache.Counters) {
    lock.withLock {
      counters.diskHits = state.hits
      counters.diskEvictions = state.evictions
      counters.damagedFiles = state.damaged
      counters.failedWrites = state.failedWrites
      counters.bytesOnDisk = max(0, state.bytes)
    }
  }

  // MARK: The budget

  /// Under the lock.
  private func newUse(_ seconds: Double, _ count: Int) -> CacheFile.Use {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return CacheFile.Use(
      priority: state.inflation + GreedyDualSize<Void>.worth(seconds: seconds, bytes: count),
      time: UInt64(max(0, now.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, now.tv_nsec)))
  }

  /// Removes files when there are too many, and looks what other processes did when this one has written much.
  private func sweepIfNeeded() {
    // Who writes while a thread sweeps does not sweep, and may be the last to write: so who has swept looks again.
    while isSweepDue() { sweep() }
  }

  /// Whether the caller is to sweep, now.
  private func isSweepDue() -> Bool {
    lock.withLock {
      guard !state.isSweeping, state.bytes > budget || state.bytesWritten > budget / 16 else { return false }
      state.isSweeping = true
      state.bytesWritten = 0
      return true
    }
  }

  /// Looks at all files and removes, if they are too many, those of lowest priority until an eighth of the budget is free:
  /// so that the cost of looking is shared by many writes.
  private func sweep() {
    var removed = 0
    var inflation = 0.0
    var bytes = 0
    let files = list() ?? []
    bytes = files.reduce(0) { $0 + $1.bytes }
    if bytes > budget {
      for file in files.sorted(by: { ($0.priority, $0.time) < ($1.priority, $1.time) }) {
        if bytes <= budget - budget / 8 { break }
        // Gone already when another process sweeps too.
        if unlink("\(path)/\(file.name)") == 0 { removed += 1 }
        bytes -= file.bytes
        inflation = file.priority
      }
    }
    lock.withLock {
      state.bytes = bytes + state.bytesWritten
      state.inflation = max(state.inflation, inflation)
      state.evictions += removed
      state.isSweeping = false
    }
  }

  /// A file of the directory.
  private struct Listed {
    var name: String
    var bytes: Int
    var priority: Double
    var time: UInt64
  }

  /// All results; incomplete files that nobody writes any more are removed. Nil when the directory cannot be read.
  private func list() -> [Listed]? {
    guard let names = names() else { return nil }
    var files: [Listed] = []
    for name in names {
      let file = "\(path)/\(name)"
      if CacheFile.isTemporaryName(name) {
        var status = stat()
        if lstat(file, &status) == 0, time(nil) - status.st_mtim.tv_sec > CacheDirectory.abandonedSeconds {
          unlink(file)
        }
      }
      guard CacheFile.isName(name) else { continue }
      let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      guard fstat(descriptor, &status) == 0, let head = read(descriptor, CacheFile.headBytes, at: 0) else { continue }
      // No checksum covers it, so it may be anything, and must not become everybody's measure.
      let use = CacheFile.Head(head)?.use ?? CacheFile.Use(priority: 0, time: 0)
      files.append(
        Listed(
          name: name, bytes: CacheDirectory.taken(Int(status.st_size)),
          priority: (0...CacheDirectory.highestPriority).contains(use.priority) ? use.priority : 0, time: use.time))
    }
    return files
  }

  private func names() -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names
  }

  // MARK: System calls

  private func file(_ key: Digest128) -> String { "\(path)/\(CacheFile.name(of: key))" }

  /// What a file of `size` bytes takes on disk, about.
  private static func taken(_ size: Int) -> Int { (max(0, min(size, 1 << 50)) + 4095) & ~4095 }

  private static func taken(_ file: String) -> Int {
    var status = stat()
    return lstat(file, &status) == 0 ? taken(Int(status.st_size)) : 0
  }

  private static var lastReason: String { String(cString: strerror(errno)) }

  /// Makes the directory and those above it that are missing.
  private static func make(_ path: String) throws {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw CacheError.unusable("\"\(path)\"", "no path") }
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      if mkdir(made, 0o777) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
        throw CacheError.unusable(path, lastReason)
      }
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw CacheError.unusable(path, lastReason) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw CacheError.unusable(path, "it is no directory") }
  }

  /// `count` bytes, or as many as there are; nil when the system does not give them.
  private func read(_ descriptor: Int32, _ count: Int, at offset: Int) -> [UInt8]? {
    var isRead = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = 0
      guard count > 0, let base = buffer.baseAddress else { return }
      while filled < count {
        let got = pread(descriptor, base + filled, count - filled, offset + filled)
        if got < 0, errno == EINTR { continue }
        if got < 0 { isRead = false }
        if got <= 0 { return }
        filled += got
      }
    }
    return isRead ? bytes : nil
  }

  private func create(_ name: String, _ head: [UInt8], _ payload: [UInt8]) -> Bool {
    let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { return false }
    let isWritten = write(descriptor, head) && write(descriptor, payload)
    // Some file systems report a full disk only here.
    return close(descriptor) == 0 && isWritten
  }

  private func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { raw in
      var done = 0
      while done < raw.count {
        let count = Glibc.write(descriptor, raw.baseAddress! + done, raw.count - done)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return false }
        done += count
      }
      return true
    }
  }
}
