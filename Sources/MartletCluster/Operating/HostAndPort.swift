import MartletNet

/// A host and a port, as people write them.
struct HostAndPort: Equatable, Sendable, CustomStringConvertible {
  var host: String
  var port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// The port of schedulers where none is given.
  static let schedulerPort = 8786

  /// `host:port` or `[host]:port`, with or without `tcp://` and a slash at the end; nil for anything else. Without a port the
  /// default is taken, if there is one.
  init?(_ text: String, defaultPort: Int? = nil) {
    var rest = Substring(text)
    if rest.hasPrefix("tcp://") { rest = rest.dropFirst(6) }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    var digits: Substring?
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      let behind = rest[rest.index(after: end)...]
      rest = rest[rest.index(after: rest.startIndex)..<end]
      if behind.hasPrefix(":") { digits = behind.dropFirst() } else if !behind.isEmpty { return nil }
    } else if let colon = rest.lastIndex(of: ":") {
      digits = rest[rest.index(after: colon)...]
      rest = rest[..<colon]
      // An address of IPv6 has to stand in brackets.
      if rest.contains(":") { return nil }
    }
    guard !rest.isEmpty, rest.utf8.count <= 255,
      rest.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") })
    else { return nil }
    host = String(rest)
    if let digits {
      guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(digits), (1...65_535).contains(number)
      else { return nil }
      port = number
    } else {
      guard let defaultPort else { return nil }
      port = defaultPort
    }
  }

  var description: String { SocketAddress.text(host, port) }
}
