import Glibc
import MartletSystem

/// Files in which processes tell each other where they are.
enum PlaceFiles {
  /// The address in the first line of a file that `--ready-file` of a scheduler writes; waits for it.
  /// - Returns: Nil when it does not come in time, or `isInVain`.
  static func address(
    in path: String, within patience: Duration, unless isInVain: () -> Bool = { false }
  ) -> String? {
    let deadline = martlet_monotonic_nanoseconds() &+ UInt64(max(0, patience / .nanoseconds(1)))
    while true {
      if let line = firstLine(of: path), !line.isEmpty { return line }
      if martlet_monotonic_nanoseconds() >= deadline || isInVain() { return nil }
      usleep(20_000)
    }
  }

  private static func firstLine(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 1024)
    let got = read(descriptor, &text, text.count)
    guard got > 0, let end = text[..<got].firstIndex(of: 10) else { return nil }
    return String(decoding: text[..<end], as: UTF8.self)
  }
}
