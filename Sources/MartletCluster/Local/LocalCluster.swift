import Glibc
import MartletEngine
import Synchronization

/// A cluster on this machine: a scheduler and workers, which this object owns.
///
/// ```swift
/// let cluster = try LocalCluster(workers: 4)
/// let client = try cluster.client()
/// let total = try client.compute(sum)
/// ```
///
/// It listens on loopback, on free ports, with a random secret. Nothing of it is left when it is closed, when its last reference
/// goes, or when this process ends in whatever way, `kill -9` included. May be used from any thread.
public final class LocalCluster: Sendable {
  /// Held by whoever starts or ends processes, for as long as that takes.
  private let changing = Lock()
  private let backend: any LocalBackend
  /// The number of workers that it was told to have.
  private let wanted = Atomic<Int>(0)
  /// The options it was made with.
  public let options: LocalClusterOptions

  /// Starts scheduler and workers, and waits until all are ready.
  ///
  /// - Parameters:
  ///   - workers: How many. None is allowed: see `scale(to:)`.
  ///   - threads: Tasks that each worker runs at one time.
  ///   - options: Further choices.
  /// - Throws: `ClusterError` (`.notStarted`) with the last lines of what could not start; nothing is left then.
  public init(workers: Int, threads: Int = 1, options: LocalClusterOptions = LocalClusterOptions()) throws {
    guard workers >= 0, threads > 0 else {
      throw ClusterError(
        .badOption, "a cluster of \(workers) workers with \(threads) threads cannot be", "Ask for 1 thread or more")
    }
    self.options = options
    backend =
      switch options.mode {
      case .processes: try LocalProcesses(threads: threads, options)
      case .inProcess: try LocalServers(threads: threads, options)
      }
    address = backend.address
    wanted.store(workers, ordering: .relaxed)
    do {
      try backend.scale(to: workers)
    } catch {
      backend.close()
      throw error
    }
  }

  deinit { backend.close() }

  /// Where clients reach the scheduler: `tcp://127.0.0.1:PORT`.
  public let address: String

  /// Where operators reach the scheduler: `http://127.0.0.1:PORT`.
  public var httpAddress: String { backend.httpAddress }

  /// What clients must know.
  public var secret: [UInt8] { backend.secret }

  /// The workers that it was told to have.
  public var workerCount: Int { wanted.load(ordering: .relaxed) }

  /// A client of this cluster.
  ///
  /// - Throws: `ClusterError` when the scheduler does not answer.
  public func client(options: ClientOptions = ClientOptions()) throws -> Client {
    var options = options
    options.secret = secret
    options.secretFile = nil
    options.registry = options.registry ?? self.options.registry
    return try Client(address, options: options)
  }

  /// Adds workers, and waits until they are there; or takes the youngest away, which hand their results over first: see
  /// `LocalClusterOptions.retireTimeout`. One call at a time does so, others wait for it; `close` does not.
  ///
  /// - Throws: `ClusterError` (`.notStarted`) when one cannot start: the others are there then; `.closed`.
  public func scale(to workers: Int) throws {
    guard workers >= 0 else {
      throw ClusterError(.badOption, "a cluster cannot have \(workers) workers", "Give their number, or 0")
    }
    try changing.withLock {
      wanted.store(workers, ordering: .relaxed)
      defer { wanted.store(backend.workerCount, ordering: .relaxed) }
      try backend.scale(to: workers)
    }
  }

  /// Ends workers and scheduler, and waits for their end. Results that nobody fetched are gone. More than once is allowed.
  public func close() {
    backend.hurry()
    changing.withLock {
      backend.close()
      wanted.store(0, ordering: .relaxed)
    }
  }

  // MARK: For tests

  /// The processes, where there are some.
  package var processes: LocalProcesses? { backend as? LocalProcesses }
}

/// Where scheduler and workers run. One thread at a time scales or closes; the rest may be used by any.
protocol LocalBackend: AnyObject, Sendable {
  var address: String { get }
  var httpAddress: String { get }
  var secret: [UInt8] { get }
  var workerCount: Int { get }
  func scale(to workers: Int) throws
  /// Nobody waits any more for workers that hand over their results. From any thread.
  func hurry()
  /// Leaves nothing. More than once is allowed.
  func close()
}

/// What a cluster's processes have in common with its clients, and nobody else.
enum RandomSecret {
  /// 32 random letters and digits.
  static func make() -> [UInt8] {
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
    var generator = SystemRandomNumberGenerator()
    return (0..<32).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
  }
}
