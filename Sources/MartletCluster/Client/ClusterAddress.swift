/// Where a scheduler or a worker is: `tcp://HOST:PORT`, `HOST:PORT`, `[IPv6]:PORT`.
struct ClusterAddress: Equatable, Sendable, CustomStringConvertible {
  let host: String
  let port: Int

  /// Nil when the text is none.
  init?(_ text: String, defaultPort: Int? = nil) {
    var rest = Substring(text)
    if rest.hasPrefix("tcp://") { rest = rest.dropFirst(6) }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    var digits: Substring?
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      let behind = rest[rest.index(after: end)...]
      if !behind.isEmpty {
        guard behind.hasPrefix(":") else { return nil }
        digits = behind.dropFirst()
      }
    } else {
      let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let first = parts.first else { return nil }
      host = String(first)
      digits = parts.count == 2 ? parts[1] : nil
    }
    if let digits {
      guard let number = UInt16(digits), number > 0 else { return nil }
      port = Int(number)
    } else {
      guard let defaultPort else { return nil }
      port = defaultPort
    }
    if host.isEmpty || host.contains("/") { return nil }
  }

  /// `HOST:PORT`.
  var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// The port of schedulers where none is given.
  static let schedulerPort = 8786
}
