import MartletClient
import MartletProtocol

/// So many places that clients and tasks of a cluster share by name. All who use it have to name the same number.
///
/// Places are held by leases, which are renewed while this process runs. Others get the places at once when the connection between
/// the scheduler and who holds them ends, and after the time of the lease when he does not answer any more.
public struct ClusterSemaphore: Sendable {
  /// What all call it.
  public let name: String
  /// The number of places.
  public let places: Int
  /// How long a lease lasts that is not renewed; at least half a second.
  public let leaseTime: Duration
  private let link: ClientLink

  init(_ name: String, places: Int, leaseTime: Duration, _ link: ClientLink) {
    self.name = name
    self.places = max(1, places)
    // The session looks ten times a second which leases have to be renewed.
    self.leaseTime = max(leaseTime, .milliseconds(500))
    self.link = link
  }

  /// Takes places; waits until there are enough.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await acquire")
  public func acquire(_ count: Int = 1, timeout: Duration? = nil) throws -> ClusterLease? {
    lease(try link.ask(acquiring(count, timeout), what: "acquiring the semaphore \(name)"))
  }

  /// Takes places; waits until there are enough.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`.
  public func acquire(_ count: Int = 1, timeout: Duration? = nil) async throws -> ClusterLease? {
    lease(try await link.ask(acquiring(count, timeout), what: "acquiring the semaphore \(name)"))
  }

  /// Calls `body` while a place is held.
  ///
  /// - Throws: `ClusterError`, and what `body` throws.
  @available(*, noasync, message: "use await withLease")
  public func withLease<Result>(_ body: (ClusterLease) throws -> Result) throws -> Result {
    guard let lease = try acquire() else { throw ClusterError.denied("acquiring the semaphore \(name)", "no lease") }
    defer { lease.release() }
    return try body(lease)
  }

  /// Calls `body` while a place is held.
  ///
  /// - Throws: `ClusterError`, and what `body` throws.
  public func withLease<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: (ClusterLease) async throws -> Result
  ) async throws -> Result {
    guard let lease = try await acquire() else {
      throw ClusterError.denied("acquiring the semaphore \(name)", "no lease")
    }
    defer { lease.release() }
    return try await body(lease)
  }

  private func acquiring(_ count: Int, _ timeout: Duration?) -> RequestBody {
    .coordinate(
      .acquire(
        semaphore: name, places: UInt32(clamping: count), of: UInt32(clamping: places),
        leaseNanoseconds: max(1, SharedReading.nanoseconds(leaseTime)),
        timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil)
  }

  private func lease(_ answer: ReplyAnswer) -> ClusterLease? {
    guard case .lease(let state) = answer else { return nil }
    return ClusterLease(state, link)
  }
}

/// Places of a semaphore that this client holds, until `release()` or until the object goes.
public final class ClusterLease: Sendable {
  private let state: LeaseState
  private let link: ClientLink

  init(_ state: LeaseState, _ link: ClientLink) {
    self.state = state
    self.link = link
  }

  deinit { release() }

  /// Grows with every lease of the semaphore: whatever the places guard should refuse who comes with a lower one than it
  /// has seen.
  public var fence: UInt64 { state.fence }

  /// Whether the connection to the scheduler has ended since, or it could not be renewed in time: somebody else may have the places.
  public var isLost: Bool { state.isLost }

  /// Gives the places back. Once; nothing happens afterwards.
  public func release() { link.post(.giveBack(state)) }
}
