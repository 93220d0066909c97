import Glibc
import MartletTable

/// The resident set that a run is to stay below: `--memory`.
///
/// The budget is kept by small and few partitions; what cannot be kept small is the state of the groups, and there
/// this ends the run with a clear error rather than let it take more than it may.
final class MemoryLimit: Sendable {
  let limitBytes: Int

  /// What the results of tasks may take of it; the rest is for buffers, code and the allocator.
  var resultBytes: Int { limitBytes / 2 }

  init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// Throws `.memoryExceeded` when the process is above the limit. Some 2 µs: for use once a block.
  func check() throws(TableError) {
    guard let resident = Self.residentBytes(), resident > limitBytes else { return }
    throw TableError(
      .memoryExceeded,
      "the query needs more memory than --memory allows: \(resident >> 20) MiB are in use, \(limitBytes >> 20) MiB are given",
      remedy: "give it more, or make it keep less: fewer groups, fewer threads, a smaller --partition")
  }

  /// The resident set of this process; nil where the system does not tell.
  static func residentBytes() -> Int? {
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { buffer -> Int? in
      let count = read(file, buffer.baseAddress!, buffer.count)
      guard count > 0 else { return nil }
      // The second number: resident pages.
      let numbers = buffer[0..<count].split(separator: UInt8(ascii: " "))
      guard numbers.count > 1, let pages = Int(String(decoding: numbers[1], as: UTF8.self)) else { return nil }
      return pages * sysconf(Int32(_SC_PAGESIZE))
    }
  }
}
