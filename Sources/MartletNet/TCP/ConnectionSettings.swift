/// Limits and options of a connection.
package struct ConnectionSettings: Sendable {
  /// Whether to connect to a loopback address without the network, where the other side takes that: see `LocalSocket`.
  package var triesLocalSocket = false
  /// Small writes leave at once instead of waiting for an acknowledgement (TCP_NODELAY).
  package var hasNoDelay = true
  /// When the system asks a silent peer whether it still lives; nil for never.
  package var keepAlive: KeepAlive? = KeepAlive()
  /// How long sent bytes may stay without acknowledgement before the connection fails; nil for the system's
  /// default, some 15 minutes.
  package var acknowledgementTimeout: Duration?
  /// Sizes of the kernel's buffers; nil lets the kernel choose and adapt them.
  package var kernelSendBytes: Int?
  package var kernelReceiveBytes: Int?

  /// The longest message that a delegate may leave unconsumed while it waits for the rest.
  package var maximumPartialInputBytes = 1 << 20
  /// Bytes that are read for one connection before others get their turn.
  package var readBytesPerTurn = 4 << 20
  /// Bytes that are written for one connection before others get their turn.
  package var writeBytesPerTurn = 8 << 20

  /// The queue is "high" above this many bytes, counting payloads and files …
  package var highWaterBytes = 1 << 20
  /// … until it has fallen to this many.
  package var lowWaterBytes = 256 << 10
  /// Copied bytes that are queued at most; more is refused.
  package var maximumCopiedBytes = 64 << 20
  /// Segments (chunks, payloads, file ranges) that are queued at most; more is refused.
  package var maximumSegments = 16_384

  package init() {}

  /// When and how often the system asks a silent peer.
  package struct KeepAlive: Sendable {
    package var idleSeconds: Int
    package var intervalSeconds: Int
    package var probes: Int

    package init(idleSeconds: Int = 30, intervalSeconds: Int = 10, probes: Int = 3) {
      self.idleSeconds = idleSeconds
      self.intervalSeconds = intervalSeconds
      self.probes = probes
    }
  }
}
