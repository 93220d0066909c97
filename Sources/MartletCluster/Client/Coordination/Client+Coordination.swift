public import MartletBytes
import MartletClient

// What clients and tasks of a cluster share by name. Making one of these says nothing to the scheduler; it is there once
// somebody uses it, and gone when nobody does.

extension Client {
  /// The queue of this name.
  ///
  /// - Parameter limit: How many values it takes; 0: as many as the scheduler allows.
  public func queue<Value: PortableValue>(
    _ name: String, of type: Value.Type = Value.self, limit: Int = 0
  ) -> ClusterQueue<Value> {
    ClusterQueue(name, limit: limit, link)
  }

  /// The variable of this name.
  public func variable<Value: PortableValue>(
    _ name: String, of type: Value.Type = Value.self
  ) -> ClusterVariable<Value> {
    ClusterVariable(name, link)
  }

  /// The event of this name.
  public func event(_ name: String) -> ClusterEvent { ClusterEvent(name, link) }

  /// The semaphore of this name.
  ///
  /// - Parameters:
  ///   - places: How many there are: the same number for all who use it.
  ///   - leaseTime: How long places are held by who does not answer any more, at least half a second. Those of a client whose
  ///     connection ends are free at once.
  public func semaphore(_ name: String, places: Int, leaseTime: Duration = .seconds(30)) -> ClusterSemaphore {
    ClusterSemaphore(name, places: places, leaseTime: leaseTime, link)
  }

  /// The lock of this name: a semaphore with one place.
  public func lock(_ name: String, leaseTime: Duration = .seconds(30)) -> ClusterSemaphore {
    semaphore(name, places: 1, leaseTime: leaseTime)
  }

  /// The topic of this name.
  public func topic<Value: PortableValue>(_ name: String, of type: Value.Type = Value.self) -> ClusterTopic<Value> {
    ClusterTopic(name, link)
  }
}
