import Glibc
import MartletSystem
import Synchronization

/// A TCP connection, owned by the thread of its loop.
///
/// All functions have to be called on the loop's thread, but for `connect`, `sendFromAnyThread` and `peer`.
/// Calls of the delegate are never made from inside a function of the connection.
package final class Connection: Channel, @unchecked Sendable {
  // Sendable: see Channel; `inbox` has a lock of its own.
  enum Phase {
    /// A name is being looked up, or a connection made. Nothing was sent.
    case connecting
    case open
    /// The descriptor is closed; the delegate will be told at the end of the turn.
    case closing
    /// The delegate was told.
    case closed
  }

  package let settings: ConnectionSettings
  /// The other end as text: the host and port that were asked for, or where an accepted connection came from.
  package let peer: String
  /// An object that the delegate may keep here.
  package var context: AnyObject?

  @exclusivity(unchecked) var phase: Phase
  @exclusivity(unchecked) var descriptor: Int32 = -1
  /// The loopback address that stands for the other end of a connection that does not go through the network.
  var localPeer: SocketAddress?
  /// The process at the other end of a connection that does not go through the network; 0 where there is none, or the kernel
  /// has no number for it here.
  var peerProcess = 0
  @exclusivity(unchecked) var delegate: (any ConnectionDelegate)?
  /// What epoll was told to wait for; nil while the descriptor is not watched.
  @exclusivity(unchecked) private var watchedFor: UInt32?
  @exclusivity(unchecked) private(set) var closeError: NetworkError?
  /// Called after the delegate's `closed`.
  var afterClose: (() -> Void)?

  // Connecting
  var addresses: [SocketAddress] = []
  var connectDeadline: UInt64 = 0
  var connectLimit: Duration = .zero
  var lastConnectError: NetworkError?
  var connectTimer: LoopTimer?

  // Reading: Connection+Reading.swift
  @exclusivity(unchecked) var partial = PartialInput()
  @exclusivity(unchecked) var direct: DirectInput?
  var directOwner: AnyObject?
  @exclusivity(unchecked) var isDelivering = false
  @exclusivity(unchecked) var isReadingPaused = false
  @exclusivity(unchecked) var hasInputEnded = false
  @exclusivity(unchecked) var discardsInput = false
  @exclusivity(unchecked) var redelivers = false
  /// When bytes came last, in the loop's time.
  @exclusivity(unchecked) package internal(set) var lastReceived: UInt64 = 0
  /// Bytes received so far.
  @exclusivity(unchecked) package internal(set) var receivedBytes = 0
  var idleTimer: LoopTimer?
  var idleNanoseconds: UInt64 = 0

  // Memory of the other side: Connection+Memory.swift
  @exclusivity(unchecked) var memoryInput: MemoryInput?
  /// Bytes that were read from the memory of the other side; `receivedBytes` has them, too.
  package internal(set) var memoryBytes = 0
  var ownToken: UnsafeMutableRawBufferPointer?
  /// What the other side has taken of the offer at the head of the queue.
  var takenBytes = 0

  // Writing: Connection+Writing.swift
  /// Behind a pointer, because a class's variable would cost an exclusivity check for each message.
  let output: UnsafeMutablePointer<OutputQueue>
  @exclusivity(unchecked) var isBlocked = false
  let isHigh: UnsafeMutablePointer<Bool>
  @exclusivity(unchecked) var hasReportedHigh = false
  @exclusivity(unchecked) var endsOutput = false
  @exclusivity(unchecked) var hasOutputEnded = false
  /// Holders of payloads that were sent, and of those that were dropped.
  @exclusivity(unchecked) var released: [OutputQueue.Holder] = []
  private var dropped: [OutputQueue.Holder] = []
  /// When bytes were taken by the kernel last, in the loop's time.
  @exclusivity(unchecked) package internal(set) var lastSent: UInt64 = 0
  /// Bytes handed to the kernel so far.
  @exclusivity(unchecked) package internal(set) var sentBytes = 0
  var finishTimer: LoopTimer?
  let inbox = Inbox()

  private init(loop: EventLoop, settings: ConnectionSettings, peer: String, phase: Phase) {
    self.settings = settings
    self.peer = peer
    self.phase = phase
    output = .allocate(capacity: 1)
    output.initialize(to: OutputQueue(pool: loop.chunks))
    isHigh = .allocate(capacity: 1)
    isHigh.initialize(to: false)
    super.init(loop: loop)
  }

  deinit {
    output.deinitialize(count: 1)
    output.deallocate()
    isHigh.deallocate()
    ownToken?.deallocate()
  }

  // MARK: Making one

  /// Starts connecting; from any thread. The delegate hears `connected` or `closed`, with the reason.
  ///
  /// Names are looked up on another thread; their addresses are tried one after the other, each with a fair share of the
  /// time that is left.
  /// - Throws: `.stopped` when the loop was shut down; the delegate then hears nothing.
  @discardableResult
  package static func connect(
    host: String, port: Int, on loop: EventLoop, settings: ConnectionSettings = ConnectionSettings(),
    timeout: Duration = .seconds(10), delegate: any ConnectionDelegate
  ) throws(NetworkError) -> Connection {
    let connection = Connection(
      loop: loop, settings: settings, peer: SocketAddress.text(host, port), phase: .connecting)
    let accepted = loop.execute { connection.start(host: host, port: port, timeout: timeout, delegate: delegate) }
    if !accepted { throw .stopped(loop.name) }
    return connection
  }

  /// Takes over a connected stream socket that does not block; on the loop's thread.
  /// The delegate hears only what comes after.
  ///
  /// - Parameter peerProcess: The process at its other end, where it does not go through the network and that is known.
  package static func adopt(
    descriptor: Int32, peer: String, peerProcess: Int = 0, on loop: EventLoop, settings: ConnectionSettings,
    delegate: (Connection) -> (any ConnectionDelegate)?
  ) -> Connection {
    loop.requireOnLoop()
    let connection = Connection(loop: loop, settings: settings, peer: peer, phase: .open)
    connection.descriptor = descriptor
    connection.peerProcess = peerProcess
    loop.enter(connection)
    connection.setOptions()
    connection.lastReceived = loop.now
    connection.lastSent = loop.now
    connection.delegate = delegate(connection)
    if connection.delegate == nil { connection.close() }
    connection.updateInterest()
    return connection
  }

  func setOptions() {
    // An option that a socket refuses (one that is not TCP does) leaves the default, which works.
    if settings.hasNoDelay, localPeer == nil { _ = martlet_set_no_delay(descriptor, 1) }
    if let keepAlive = settings.keepAlive {
      _ = martlet_set_keep_alive(
        descriptor, Int32(clamping: keepAlive.idleSeconds), Int32(clamping: keepAlive.intervalSeconds),
        Int32(clamping: keepAlive.probes))
    }
    if let timeout = settings.acknowledgementTimeout {
      _ = martlet_set_user_timeout(descriptor, Int32(clamping: timeout.nanoseconds / 1_000_000))
    }
  }

  // MARK: State

  /// Whether bytes can be sent and received.
  package var isOpen: Bool { phase == .open }

  /// This end's address, while there is one. Of a connection that does not go through the network the host alone means
  /// something.
  package var localAddress: SocketAddress? {
    if let localPeer { return localPeer }
    return descriptor < 0 ? nil : SocketAddress { martlet_local_address(descriptor, $0, $1) }
  }

  /// The other end's address, while there is one.
  package var remoteAddress: SocketAddress? {
    if let localPeer { return localPeer }
    return descriptor < 0 ? nil : SocketAddress { martlet_remote_address(descriptor, $0, $1) }
  }

  // MARK: Closing

  /// Closes at once: what is queued is dropped, memory given with `receive(into:)` is not touched any more. The delegate
  /// hears `closed` at the end of the turn. Nothing happens when it is closed already.
  package func close(_ error: NetworkError? = nil) {
    loop.requireOnLoop()
    guard phase == .open || phase == .connecting else { return }
    phase = .closing
    closeError = error
    // Who reads offered memory has to see the end before that is let go, also where a child of this process has inherited the
    // descriptor for a moment.
    if ownToken != nil { shutdown(descriptor, Int32(SHUT_RDWR)) }
    closeDescriptor()
    loop.leave(self)
    output.pointee.removeAll(dropped: &dropped)
    direct = nil
    memoryInput = nil
    partial.removeAll()
    addresses = []
    connectTimer?.disarm()
    idleTimer?.disarm()
    finishTimer?.disarm()
    loop.mark(self)
  }

  /// Sends what is queued, ends the output, drops all further input, and closes when the other end has ended its output
  /// too, or after `limit`. Closing at once could destroy what was sent: the kernel answers unread input by a reset.
  package func finish(within limit: Duration = .seconds(5)) {
    loop.requireOnLoop()
    guard phase == .open else { return close() }
    discardsInput = true
    isReadingPaused = false
    direct = nil
    memoryInput = nil
    directOwner = nil
    partial.removeAll()
    idleTimer?.disarm()
    let timer = LoopTimer(loop: loop) { [weak self] in self?.close() }
    timer.arm(after: limit)
    finishTimer?.disarm()
    finishTimer = timer
    closeOutput()
    updateInterest()
  }

  /// Closes because of an error of the system.
  func fail(_ error: Int32, _ doing: String) { close(.system(error, doing, peer)) }

  func closeDescriptor() {
    guard descriptor >= 0 else { return }
    if watchedFor != nil { loop.unwatch(descriptor) }
    watchedFor = nil
    Glibc.close(descriptor)
    descriptor = -1
  }

  override func loopStops() { close(.stopped(loop.name)) }

  // MARK: Events

  override func handle(_ happened: UInt32) {
    if phase == .connecting { return connectionAttemptEnded() }
    if happened & UInt32(MARTLET_READABLE) != 0, wantsInput { readReady() }
    guard phase == .open else { return }
    if happened & UInt32(MARTLET_WRITABLE) != 0 { flush() }
    // Who reads learns it there, behind the last bytes.
    guard phase == .open, !wantsInput else { return }
    if happened & UInt32(MARTLET_FAILED | MARTLET_HUNG_UP) != 0 { brokenUp() }
  }

  /// The kernel says that the connection failed, or that both directions ended.
  private func brokenUp() {
    let error = martlet_take_socket_error(descriptor)
    if error != 0 { return fail(error, "keep the connection to") }
    // Both directions ended, but the input still waits for its reader. The kernel would report that for ever.
    if watchedFor != nil {
      loop.unwatch(descriptor)
      watchedFor = nil
    }
  }

  override func endOfTurn() {
    switch phase {
    case .connecting, .closed: break
    case .open:
      if redelivers { redeliver() }
      if memoryInput != nil { readPeerMemory() }
      if phase == .open, !isBlocked { flush() }
      releaseHolders()
    case .closing:
      phase = .closed
      releaseHolders()
      let unsent = dropped
      dropped = []
      for holder in unsent { holder.released?(false) }
      directOwner = nil
      inbox.close()
      delegate?.closed(self, error: closeError)
      delegate = nil
      afterClose?()
      afterClose = nil
      connectTimer = nil
      idleTimer = nil
      finishTimer = nil
    }
  }

  var wantsInput: Bool { !isReadingPaused && !hasInputEnded }

  /// Tells epoll what to wait for, if that changed.
  func updateInterest() {
    guard phase == .open else { return }
    let interest = (wantsInput ? UInt32(MARTLET_READABLE) : 0) | (isBlocked ? UInt32(MARTLET_WRITABLE) : 0)
    if let watchedFor {
      if watchedFor == interest { return }
      loop.change(self, descriptor, waitsFor: interest)
    } else {
      let status = loop.watch(self, descriptor, waitsFor: interest)
      if status < 0 { return fail(-status, "watch the connection to") }
    }
    watchedFor = interest
  }

  /// While connecting.
  func watchForConnection() -> Int32 {
    let status = loop.watch(self, descriptor, waitsFor: UInt32(MARTLET_WRITABLE))
    if status == 0 { watchedFor = UInt32(MARTLET_WRITABLE) }
    return status
  }
}
