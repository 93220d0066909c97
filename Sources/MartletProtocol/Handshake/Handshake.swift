package import MartletBytes

/// What one side of a new connection says of itself.
package struct Hello: Equatable, Sendable {
  /// Who it is.
  package enum Role: UInt8, Sendable {
    case scheduler = 1
    case worker = 2
    case client = 3
  }

  package var role: Role
  /// The oldest and the newest protocol that it speaks.
  package var oldestVersion: UInt16
  package var newestVersion: UInt16
  /// Bits for what it can do beyond the protocol; unknown ones are ignored.
  package var capabilities: UInt64
  /// The bit for: on one machine it reads bodies from the other side's memory, and takes answers to offers.
  package static let readsMemory: UInt64 = 1
  /// Stands for the functions that it can run.
  package var registry: Digest128
  /// The cluster that it belongs to or looks for; zero: any.
  package var cluster: Digest128
  /// Random, never used again.
  package var nonce: [UInt8]
  /// The version of the program, for people.
  package var product: String

  package init(
    role: Role, oldestVersion: UInt16 = ProtocolVersion.oldest, newestVersion: UInt16 = ProtocolVersion.newest,
    capabilities: UInt64 = 0, registry: Digest128, cluster: Digest128 = Digest128(low: 0, high: 0), nonce: [UInt8],
    product: String
  ) {
    self.role = role
    self.oldestVersion = oldestVersion
    self.newestVersion = newestVersion
    self.capabilities = capabilities
    self.registry = registry
    self.cluster = cluster
    self.nonce = nonce
    self.product = product
  }
}

/// The protocols that this version of Martlet speaks. A message whose bytes change is another version, released or not: builds that
/// differ must be refused, and not meet bytes that they cannot read. A test holds a digest of all messages.
package enum ProtocolVersion {
  package static let oldest: UInt16 = 2
  package static let newest: UInt16 = 2
}

/// Why two sides do not talk to each other.
package struct HandshakeError: Error, Equatable, CustomStringConvertible {
  /// What does not fit, with what both sides have.
  package let description: String
  /// Whether the other side said so.
  package let isFromPeer: Bool
}

/// The first exchange on a connection: both sides greet, and where there is a secret, both prove that they know it.
///
/// The secret never travels: each proof is an HMAC over both greetings, so it is good for this connection and this
/// direction only. Without the same secret on both sides nothing but the greetings is ever said. A pure state machine: it
/// is given the received bytes and gives the bytes to send.
package struct Handshake: Sendable {
  /// What both agreed on.
  package struct Agreement: Equatable, Sendable {
    /// The protocol to speak.
    package let version: UInt16
    /// What both can do.
    package let capabilities: UInt64
    /// What the other side said.
    package let peer: Hello
  }

  /// How far it is.
  package enum Progress: Equatable, Sendable {
    /// More bytes are needed.
    case waiting
    /// Done.
    case agreed(Agreement)
  }

  private enum State: Sendable {
    case greeting
    case proving(Agreement)
    case done
  }

  /// Bytes of a nonce.
  package static let nonceBytes = 32
  /// The largest greeting: read before anything is known of the other side.
  package static let greetingLimit = 1 << 10

  private let own: Hello
  private let accepted: [Hello.Role]
  private let secret: [UInt8]
  private var state = State.greeting
  private var ownGreeting: [UInt8] = []
  private var peerGreeting: [UInt8] = []
  private var received: [UInt8] = []

  /// - Parameters:
  ///   - own: The own greeting; the nonce has `nonceBytes` random bytes.
  ///   - accepted: Who may be on the other side.
  ///   - secret: What both sides must know; empty: nothing.
  package init(own: Hello, accepting accepted: [Hello.Role], secret: [UInt8]) {
    self.own = own
    self.accepted = accepted
    self.secret = secret
  }

  /// The bytes to send first.
  package mutating func start() -> [UInt8] {
    ownGreeting = own.greeting(hasSecret: !secret.isEmpty)
    return Handshake.framed(ownGreeting)
  }

  /// Takes received bytes, and gives bytes to send.
  ///
  /// - Parameters:
  ///   - bytes: What came; bytes behind the handshake are left and counted in `unused`.
  ///   - answer: Bytes to send are appended, also when this throws: they tell the other side why.
  /// - Throws: `HandshakeError`: send `answer`, then close.
  package mutating func receive(
    _ bytes: [UInt8], answer: inout [UInt8], unused: inout Int
  ) throws(HandshakeError) -> Progress {
    received += bytes
    while true {
      switch state {
      case .greeting:
        guard let piece = try nextPiece() else { return .waiting }
        let agreement: Agreement
        do throws(HandshakeError) {
          agreement = try agree(on: piece)
        } catch {
          if !error.isFromPeer { answer += Handshake.refusal(error.description) }
          throw error
        }
        peerGreeting = piece
        if secret.isEmpty {
          state = .done
          unused = received.count
          return .agreed(agreement)
        }
        answer += Handshake.framed(proof(of: own.role, ownGreeting, peerGreeting))
        state = .proving(agreement)
      case .proving(let agreement):
        guard let piece = try nextPiece() else { return .waiting }
        if let reason = Handshake.reason(in: piece) { throw HandshakeError(description: reason, isFromPeer: true) }
        guard Handshake.areEqual(piece, proof(of: agreement.peer.role, peerGreeting, ownGreeting)) else {
          let reason = "the secrets differ: give both sides the same --secret-file"
          answer += Handshake.refusal(reason)
          throw HandshakeError(description: reason, isFromPeer: false)
        }
        state = .done
        unused = received.count
        return .agreed(agreement)
      case .done: return .waiting
      }
    }
  }

  /// Checks the other side's greeting.
  private func agree(on piece: [UInt8]) throws(HandshakeError) -> Agreement {
    if let reason = Handshake.reason(in: piece) { throw HandshakeError(description: reason, isFromPeer: true) }
    let peer: Hello
    let peerHasSecret: Bool
    do throws(ByteError) {
      (peer, peerHasSecret) = try Hello.read(greeting: piece)
    } catch {
      throw HandshakeError(description: "the other side is no Martlet: \(error)", isFromPeer: false)
    }
    func refuse(_ text: String) -> HandshakeError { HandshakeError(description: text, isFromPeer: false) }
    let newest = min(own.newestVersion, peer.newestVersion)
    guard newest >= max(own.oldestVersion, peer.oldestVersion) else {
      throw refuse(
        "\(own.name) speaks protocol \(own.versions), \(peer.name) speaks \(peer.versions): use one version of Martlet")
    }
    guard accepted.contains(peer.role) else { throw refuse("\(own.name) does not talk to \(peer.name)") }
    let none = Digest128(low: 0, high: 0)
    guard own.cluster == peer.cluster || own.cluster == none || peer.cluster == none else {
      throw refuse("\(own.name) is of cluster \(own.cluster), \(peer.name) of cluster \(peer.cluster)")
    }
    guard peerHasSecret == !secret.isEmpty else {
      let (with, without) = peerHasSecret ? (peer, own) : (own, peer)
      throw refuse("\(with.name) has a secret, \(without.name) has none: give both sides the same --secret-file")
    }
    // A copy of the own greeting would prove itself by its own proof.
    guard peer.nonce != own.nonce else { throw refuse("the other side sends this side's greeting back") }
    return Agreement(version: newest, capabilities: own.capabilities & peer.capabilities, peer: peer)
  }

  private func proof(of role: Hello.Role, _ mine: [UInt8], _ theirs: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write("martlet proof")
    writer.write(byte: role.rawValue)
    writer.write(bytes: mine)
    writer.write(bytes: theirs)
    return SHA256.authenticate(writer.bytes, key: secret)
  }

  /// The next piece: its size in two bytes, then its bytes.
  private mutating func nextPiece() throws(HandshakeError) -> [UInt8]? {
    guard received.count >= 2 else { return nil }
    let size = Int(received[0]) | Int(received[1]) << 8
    if Handshake.isHTTP(received) {
      throw HandshakeError(description: "the other side speaks HTTP: that has a port of its own", isFromPeer: false)
    }
    if size > Handshake.greetingLimit {
      throw HandshakeError(description: "the other side is no Martlet: it greets with \(size) bytes", isFromPeer: false)
    }
    guard received.count >= 2 + size else { return nil }
    defer { received.removeFirst(2 + size) }
    return [UInt8](received[2..<(2 + size)])
  }

  /// Whether this is the beginning of a browser's or curl's request, which is larger than any greeting.
  private static func isHTTP(_ bytes: [UInt8]) -> Bool {
    ["GE", "HE", "PO", "PU", "OP"].contains { bytes.starts(with: $0.utf8) }
  }

  fileprivate static func framed(_ piece: [UInt8]) -> [UInt8] {
    [UInt8(truncatingIfNeeded: piece.count), UInt8(truncatingIfNeeded: piece.count >> 8)] + piece
  }

  /// A piece that says why the sender hangs up: a zero where a greeting has its magic number. Good before both sides have
  /// agreed, in place of whatever this side would say next.
  package static func refusal(_ reason: String) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt32(0))
    writer.write(reason, atMost: greetingLimit - 16)
    return framed(writer.bytes)
  }

  /// Why the other side hangs up, where `bytes` begin with its refusal. Without a secret a side may have agreed when it
  /// comes: it then stands where the first frame would, and is no frame.
  package static func reason(atStartOf bytes: [UInt8]) -> String? {
    guard bytes.count >= 2 else { return nil }
    let size = Int(bytes[0]) | Int(bytes[1]) << 8
    guard size <= greetingLimit, bytes.count >= 2 + size else { return nil }
    return reason(in: [UInt8](bytes[2..<(2 + size)]))
  }

  private static func reason(in piece: [UInt8]) -> String? {
    var reader = ByteReader(piece)
    guard let word: UInt32 = try? reader.read(), word == 0, let text = try? reader.readText() else { return nil }
    // A proof may begin with zeros, but has a fixed size and no text of that size behind them.
    return reader.remaining == 0 ? text : nil
  }

  /// Takes the same time wherever they differ.
  private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Hello {
  /// `MRTL`, little endian.
  private static let magic: UInt32 = 0x4c54_524d

  /// Who this is, for messages.
  var name: String { "the \(role) (Martlet \(product))" }

  /// The protocols that it speaks, for messages.
  var versions: String { oldestVersion == newestVersion ? "\(newestVersion)" : "\(oldestVersion) to \(newestVersion)" }

  fileprivate func greeting(hasSecret: Bool) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(Hello.magic)
    writer.write(oldestVersion)
    writer.write(newestVersion)
    writer.write(byte: role.rawValue)
    writer.write(byte: hasSecret ? 1 : 0)
    writer.write(capabilities)
    registry.write(to: &writer)
    cluster.write(to: &writer)
    nonce.withUnsafeBytes { writer.write(raw: $0) }
    writer.write(product, atMost: 100)
    return writer.takeBytes()
  }

  /// Later versions may add fields behind these: they are not looked at.
  fileprivate static func read(greeting piece: [UInt8]) throws(ByteError) -> (Hello, hasSecret: Bool) {
    var reader = ByteReader(piece)
    let magic: UInt32 = try reader.read()
    if magic != Hello.magic { throw ByteError(offset: 0, "its first bytes are not Martlet's") }
    let oldest: UInt16 = try reader.read()
    let newest: UInt16 = try reader.read()
    guard let role = Role(rawValue: try reader.readByte()) else { throw ByteError(offset: 8, "an unknown role") }
    let hasSecret = try Bool(from: &reader)
    let capabilities: UInt64 = try reader.read()
    let registry = try Digest128(from: &reader)
    let cluster = try Digest128(from: &reader)
    let nonce = try reader.readRaw(Handshake.nonceBytes) { [UInt8]($0) }
    let hello = Hello(
      role: role, oldestVersion: oldest, newestVersion: newest, capabilities: capabilities, registry: registry,
      cluster: cluster, nonce: nonce, product: try reader.readText())
    return (hello, hasSecret)
  }
}
