/// A small HTTP/1.1 server for operators: GET and HEAD, answered at once on the loop's thread by one function. It knows nothing
/// of what it serves.
///
/// Requests are bounded in size and time, answers that nobody reads in memory, connections in number.
package final class HTTPServer: Sendable {
  /// Bounds.
  package struct Settings: Sendable {
    /// Bytes of a request's header.
    package var headerLimitBytes = 8 << 10
    /// How long a request may take to come, and a kept connection may be silent.
    package var requestLimit: Duration = .seconds(15)
    /// How long a client that says no more, or is told no more, may take to read what is left.
    package var farewellLimit: Duration = .seconds(2)
    /// Open connections; further ones wait in the kernel.
    package var maximumConnections = 128
    /// Requests that one connection may ask.
    package var requestsPerConnection = 10_000
    /// Bytes of answers that may wait for a client; further requests are not read before.
    package var outputLimitBytes = 64 << 20

    package init() {}
  }

  private let listener: TCPListener

  /// Where it listens, with the port that the system picked for 0.
  package var address: SocketAddress { listener.address }

  /// Starts to listen; from any thread, as `TCPListener`.
  /// - Parameter answer: Called on the loop's thread for each good request.
  package init(
    host: String, port: Int, on loop: EventLoop, settings: Settings = Settings(),
    answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) throws(NetworkError) {
    var listening = TCPListener.Settings()
    listening.maximumConnections = settings.maximumConnections
    listening.backlog = 128
    listening.connection.maximumPartialInputBytes = settings.headerLimitBytes + (64 << 10)
    listening.connection.readBytesPerTurn = 64 << 10
    listening.connection.maximumCopiedBytes = settings.outputLimitBytes
    listener = try TCPListener(host: host, port: port, on: loop, settings: listening) { connection in
      HTTPExchange(connection, settings, answer)
    }
  }

  /// Stops listening; on the loop's thread. Answers under way are still sent.
  package func close() { listener.close() }
}

/// One connection.
private final class HTTPExchange: ConnectionDelegate, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.
  private let settings: HTTPServer.Settings
  private let answer: @Sendable (HTTPRequest) -> HTTPResponse
  private let timer: LoopTimer
  private var requests = 0
  private var isEnding = false

  init(
    _ connection: Connection, _ settings: HTTPServer.Settings,
    _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) {
    self.settings = settings
    self.answer = answer
    timer = LoopTimer(loop: connection.loop) { [weak connection] in connection?.close() }
    timer.arm(after: settings.requestLimit)
  }

  func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    var offset = 0
    // Answers wait for their reader: then the next request does, too.
    while offset < bytes.count, !isEnding, !connection.isOutputHigh {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      switch HTTPParser.next(rest, limit: settings.headerLimitBytes) {
      case .nothing: return offset
      case .request(let request, let consumed):
        offset += consumed
        requests += 1
        let keepsAlive = request.keepsAlive && requests < settings.requestsPerConnection
        send(answer(request), connection, isHead: request.isHead, keepsAlive: keepsAlive)
        timer.arm(after: settings.requestLimit)
      case .refusal(let response):
        send(response, connection, isHead: false, keepsAlive: false)
      }
    }
    if isEnding { return bytes.count }
    if connection.isOutputHigh { connection.pauseReading() }
    return offset
  }

  private func send(_ response: HTTPResponse, _ connection: Connection, isHead: Bool, keepsAlive: Bool) {
    guard connection.send(response.bytes(isHead: isHead, keepsAlive: keepsAlive)) else { return connection.close() }
    if keepsAlive { return }
    isEnding = true
    timer.disarm()
    connection.finish(within: settings.farewellLimit)
  }

  func outputPressureChanged(_ connection: Connection, isHigh: Bool) {
    if !isHigh, !isEnding { connection.resumeReading() }
  }

  func inputEnded(_ connection: Connection, unconsumedBytes: Int) {
    // Who only ends its output may still wait for answers.
    if !isEnding { connection.finish(within: settings.farewellLimit) }
  }

  func closed(_ connection: Connection, error: NetworkError?) { timer.disarm() }
}
