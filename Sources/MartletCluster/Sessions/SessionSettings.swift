package import MartletNet
package import MartletProtocol

/// What both sides of a session are, and the bounds of what they take from each other.
package struct SessionSettings: Sendable {
  /// Who this side is. Its nonce is filled in anew for each connection.
  package var hello: Hello
  /// Who may be on the other side.
  package var accepted: [Hello.Role]
  /// What both sides must know; empty: nothing.
  package var secret: [UInt8] = []
  /// How long greetings and proofs may take.
  package var handshakeLimit: Duration = .seconds(10)
  /// The largest head of a frame that is taken.
  package var headLimit = WireLimits.messageBytes
  /// The largest body of a data frame; 0 where no data is expected.
  package var bodyLimit = 0
  /// Bytes of messages that may wait for a peer that does not read; then the session ends.
  package var outputLimitBytes = 256 << 20
  /// Whether long bodies go from memory to memory where both sides are on one machine and the system allows it.
  package var readsMemory = true
  /// The shortest body that is offered.
  package var leastOfferBytes = MemoryOffer.leastBytes
  /// Options of the connection; what a session decides itself is overwritten.
  package var connection = ConnectionSettings()

  package init(hello: Hello, accepting accepted: [Hello.Role], secret: [UInt8] = []) {
    self.hello = hello
    self.accepted = accepted
    self.secret = secret
    connection.triesLocalSocket = true
    connection.highWaterBytes = 4 << 20
    connection.lowWaterBytes = 1 << 20
  }

  /// The options of a connection that carries such a session.
  package var connectionSettings: ConnectionSettings {
    var settings = connection
    settings.maximumPartialInputBytes = Frame.prefixBytes + headLimit + 1
    settings.maximumCopiedBytes = outputLimitBytes
    return settings
  }
}

/// Why a session ended.
package struct SessionEnd: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kind of end, for programs.
  package enum Kind: Sendable {
    /// No connection could be made.
    case unreachable
    /// The other side closed the connection, or the network did.
    case lost
    /// The other side's refusal, or this one's: another try gives the same, unless one of them is changed.
    case refused
    /// The other side did not greet or prove itself in time.
    case handshakeTooSlow
    /// What came is not the protocol.
    case malformed
    /// The other side does not read.
    case outputTooLong
    /// This side's loop was shut down.
    case stopped
  }

  package let kind: Kind
  /// What happened, for people.
  package let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
