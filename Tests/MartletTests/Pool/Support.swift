import Glibc
import MartletEngine
import Synchronization

/// Holds threads until it is opened.
final class Gate: @unchecked Sendable {
  // Sendable: the flag is atomic.
  private let isOpen = Atomic<Bool>(false)

  func open() { isOpen.store(true, ordering: .releasing) }
  func reset() { isOpen.store(false, ordering: .releasing) }
  /// For asynchronous tests: Swift's own threads are few, and one that another test blocks is missed.
  /// Cancelling does not end it.
  func opened() async { while !isOpen.load(ordering: .acquiring) { await pause() } }
  func wait() { while !isOpen.load(ordering: .acquiring) { usleep(50) } }
}

/// Lets others work for a moment, whether or not the Swift task is cancelled.
func pause() async {
  do {
    try await Task.sleep(for: .microseconds(200))
  } catch {
    await Task.yield()
  }
}

/// A value that threads share.
final class Shared<Value: Sendable>: @unchecked Sendable {
  // Sendable: used under the lock.
  private let lock = Lock()
  private var stored: Value

  init(_ value: Value) { stored = value }

  var value: Value { lock.withLock { stored } }
  func set(_ value: Value) { lock.withLock { stored = value } }
  func change<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&stored) } }
}

extension Shared {
  func append<Element>(_ element: Element) where Value == [Element] { change { $0.append(element) } }
}

/// Counts what is inside at the same time.
final class Occupancy: Sendable {
  private let now = Atomic<Int>(0)
  private let highest = Atomic<Int>(0)

  var most: Int { highest.load(ordering: .relaxed) }
  var current: Int { now.load(ordering: .relaxed) }
  func enter() { _ = highest.max(now.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed) }
  func leave() { now.wrappingSubtract(1, ordering: .relaxed) }
}
