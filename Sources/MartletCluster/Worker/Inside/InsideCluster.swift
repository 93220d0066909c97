import MartletBytes
import MartletEngine
import MartletGraph
import MartletNet

/// The cluster as the tasks of a worker see it: one client for all of them, made when the first one asks for it.
final class InsideCluster: @unchecked Sendable {
  // Sendable: the lock guards what is mutable.

  /// That of the asynchronous body that runs, and of the Swift tasks that it has started.
  @TaskLocal static var ofSwiftTask: InsideCluster?
  /// The key of its task.
  @TaskLocal static var ownKey: Digest128?

  private let address: String
  private let secret: [UInt8]
  private let registry: TaskFunctionRegistry
  private let lock = Lock()
  private var client: Client?
  /// Clients whose sessions are over, until their threads have ended.
  private var ended: [Client] = []
  private var isClosed = false

  init(scheduler: HostAndPort, secret: [UInt8], registry: TaskFunctionRegistry) {
    address = scheduler.description
    self.secret = secret
    self.registry = registry
  }

  /// The client. A session that is over is followed by another one.
  ///
  /// - Throws: `ClusterError`.
  func current() throws -> Client {
    try lock.withLock {
      if isClosed { throw ClusterError.closed }
      if let client, client.connectionState != .closed { return client }
      if let client {
        // Its session is over, its thread not: nobody else tells it.
        client.link.post(.close)
        ended.append(client)
      }
      let made = try Client(inside: address, secret: secret, registry: registry)
      client = made
      return made
    }
  }

  /// Ends the session: whoever waits for it hears so. Returns at once.
  func close() {
    let open = lock.withLock { () -> Client? in
      isClosed = true
      return client
    }
    open?.link.post(.close)
  }

  /// Waits until nothing of it runs any more.
  func waitUntilClosed() {
    let clients = lock.withLock { () -> [Client] in
      defer {
        ended = []
        client = nil
      }
      return ended + [client].compactMap { $0 }
    }
    for client in clients { client.link.shell.loop.waitUntilStopped() }
  }
}

extension Client {
  /// The cluster that the task that is running here is part of: with it a task submits tasks, waits for them, and shares things
  /// with others.
  ///
  /// All tasks of a worker have one client, whose session lasts as long as the worker; `close()` does nothing to it. Waiting for
  /// it takes no thread of the worker's: `await` in the body of an `AsyncTaskFunction` leaves the thread, and where other bodies
  /// block, another thread takes the place of theirs. What a task submits is wanted while somebody has a future of it: let it
  /// have ended before you return, and return values, not futures. When the task is cancelled, its waits end with
  /// `CancellationError`.
  ///
  /// A task that waits keeps its inputs and its resources (not its thread): what it waits for must not need a resource of which it
  /// has the last. Nor must it wait for itself, as equal work is one task: such a wait throws `ClusterError` (`.waitsForItself`).
  ///
  /// - Throws: `ClusterError`: `.notInTask` where no task of a cluster runs: on another thread than the task's, in another Swift
  ///   task than one that its body has started, in a task on threads of this process. Ask for it first, and hand it on.
  public static var current: Client {
    get throws {
      guard let inside = BodySeat.current?.run?.inside ?? InsideCluster.ofSwiftTask else {
        throw ClusterError(
          .notInTask, "no task of a cluster runs here",
          "Call it in the body of a task, and hand the client on from there")
      }
      return try inside.current()
    }
  }
}
