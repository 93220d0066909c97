import MartletEngine
import MartletGraph
import MartletNet

/// A program's way to a cluster: sends graphs and tasks, and gets their results.
///
/// ```swift
/// let client = try Client("tcp://127.0.0.1:8786")
/// ```
///
/// It is an executor: `delayed.run(on: client)` computes on the cluster what would otherwise be computed here. Functions have
/// to be known to the workers (`PortableTaskFunction`); a closure is an error that names its task.
///
/// A connection that breaks is made again, and no future is lost by it; what a new scheduler does not know is sent once more.
/// All functions may be called from any thread. Those that wait come twice: to block a thread, and for `async` code.
public final class Client: Sendable {
  /// How the connection stands.
  public enum ConnectionState: Sendable, Hashable {
    /// It is being made for the first time.
    case connecting
    case connected
    /// It is gone, and is being made again.
    case disconnected
    /// The session is over: the client was closed, refused, or the scheduler did not come back.
    case closed
  }

  let link: ClientLink
  /// Whether it is the one of a worker's tasks.
  let isInside: Bool

  /// Connects to a scheduler.
  ///
  /// - Parameters:
  ///   - address: `tcp://HOST:PORT` or `HOST:PORT`.
  ///   - options: How.
  /// - Throws: `ClusterError`: `.unreachable` when no scheduler answers in time, `.refused` when it does not take this
  ///   client, `.badOption` for an address or a secret that makes no sense. `CancellationError`: see
  ///   `ClientOptions.cancellation`.
  public init(_ address: String, options: ClientOptions = ClientOptions()) throws {
    guard let place = HostAndPort(address, defaultPort: HostAndPort.schedulerPort) else {
      throw ClusterError(.badOption, "\"\(address)\" is no address", "Write it as tcp://HOST:PORT")
    }
    var secret = options.secret
    if let file = options.secretFile {
      do {
        secret = try Secret.read(file)
      } catch {
        throw ClusterError(.badOption, "the secret cannot be read: \(error)", "Correct the file")
      }
    }
    let shell: ClientShell
    do {
      shell = try ClientShell(
        address: place, options: options, secret: secret, registry: options.registry ?? TaskFunctions.locked())
    } catch {
      throw ClusterError(.unreachable, "a client cannot start: \(error)", "Raise the limits of this process")
    }
    link = ClientLink(shell)
    isInside = false
    shell.start()
    let handler = options.cancellation?.onCancel { [status = shell.status] in status.endWait() }
    defer { if let handler { options.cancellation?.remove(handler) } }
    let deadline = ThreadWaiter.deadline(after: options.connectTimeout)
    if shell.status.waitUntilConnected(until: deadline) { return }
    let error =
      shell.status.endError
      ?? .unreachable(place.description, options.connectTimeout, shell.status.lastTrouble)
    close()
    if options.cancellation?.isCancelled == true { throw CancellationError() }
    throw error
  }

  /// The client of a worker's tasks: it connects in the background.
  init(inside address: String, secret: [UInt8], registry: TaskFunctionRegistry) throws {
    guard let place = HostAndPort(address, defaultPort: HostAndPort.schedulerPort) else {
      throw ClusterError(.badOption, "\"\(address)\" is no address", "Start the worker with tcp://HOST:PORT")
    }
    let shell: ClientShell
    do {
      shell = try ClientShell(
        address: place, options: ClientOptions(), secret: secret, registry: registry, isInside: true)
    } catch {
      throw ClusterError(.unreachable, "a client cannot start: \(error)", "Raise the limits of the worker's process")
    }
    link = ClientLink(shell)
    isInside = true
    shell.start()
  }

  /// How the connection stands now.
  public var connectionState: ConnectionState { link.shell.status.state }

  /// Why the session is over; nil while it is not.
  public var endReason: ClusterError? { link.shell.status.endError }

  /// Where the scheduler is, as `HOST:PORT`.
  public var schedulerAddress: String { link.shell.address.description }

  /// Says goodbye, and ends. What its futures stand for is released on the cluster; those without a value here fail.
  ///
  /// Does nothing to the client that tasks have (`current`). Happens by itself when the client and all its futures are gone.
  public func close() {
    if isInside { return }
    link.post(.close)
    // A future that goes last may do so on the loop itself.
    if !link.shell.loop.isOnLoop { link.shell.loop.waitUntilStopped() }
  }
}
