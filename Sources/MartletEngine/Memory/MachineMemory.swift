import Glibc

/// The memory that this process may take.
package enum MachineMemory {
  /// That of the machine, or of the container (control groups, version 2 or 1) where that is less.
  package static func bytes() -> Int64 {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    var bytes = pages > 0 ? Int64(pages) * Int64(sysconf(Int32(_SC_PAGESIZE))) : 4 << 30
    for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      if let limit = number(in: path), limit > 0 { bytes = min(bytes, limit) }
    }
    return bytes
  }

  private static func number(in path: String) -> Int64? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let got = read(descriptor, &text, text.count)
    return got > 0 ? Int64(String(decoding: text[..<got], as: UTF8.self).split(separator: "\n").first ?? "") : nil
  }
}
