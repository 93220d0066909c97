import MartletBytes
package import MartletNet
import MartletProtocol
package import MartletScheduler

/// What can be chosen about a scheduler's process.
package struct SchedulerServerSettings: Sendable {
  /// Where it listens for clients and workers; port 0 picks a free one.
  package var host = "127.0.0.1"
  package var port = 0
  /// Where it answers operators; nil: it does not.
  package var http: HTTPPlace?
  /// What clients and workers must know; empty: nothing.
  package var secret: [UInt8] = []
  /// Decisions.
  package var core = SchedulerSettings()
  /// Clients and workers at one time; further ones are refused.
  package var maximumPeers = 20_000
  /// How long a peer may take to greet, and then a worker to register.
  package var handshakeLimit: Duration = .seconds(10)
  /// Bytes that may wait for a peer that does not read.
  package var outputLimitBytes = 256 << 20
  /// It ends when no client was there and nothing was computed for so long; nil: never.
  package var idleLimit: Duration?
  /// How long peers may take to hear that it ends.
  package var farewell: Duration = .milliseconds(500)
  /// Lines about refused or broken connections a second, so that nobody fills the log from outside.
  package var complaintsPerSecond = 20
  /// Options of connections.
  package var connection = ConnectionSettings()
  /// Options of the loop.
  package var loop = LoopSettings()

  package init() {
    connection.highWaterBytes = 4 << 20
    connection.lowWaterBytes = 1 << 20
  }

  /// An address for operators.
  package struct HTTPPlace: Sendable {
    package var host: String
    package var port: Int
    /// Another port will do when this one is in use.
    package var takesAnother: Bool

    package init(host: String = "127.0.0.1", port: Int = 0, takesAnother: Bool = false) {
      self.host = host
      self.port = port
      self.takesAnother = takesAnother
    }
  }

  var session: SessionSettings {
    // A scheduler runs no functions.
    let none = Digest128(low: 0, high: 0)
    var hello = Hello(role: .scheduler, registry: none, nonce: [], product: MartletVersion.current)
    // Who comes back learns whether it is the same process that knows its handles.
    hello.cluster = Digest128(low: core.epoch, high: 0)
    var session = SessionSettings(hello: hello, accepting: [.client, .worker], secret: secret)
    session.handshakeLimit = handshakeLimit
    session.outputLimitBytes = outputLimitBytes
    session.connection = connection
    return session
  }
}

/// The version of this program.
package enum MartletVersion {
  package static let current = "\(MartletRelease.version)"
}
