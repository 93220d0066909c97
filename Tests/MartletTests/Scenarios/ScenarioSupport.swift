import Glibc
import Martlet

/// A result that is counted while it lives.
final class Tracked: Sendable {
  let value: Int
  private let living: Occupancy

  init(_ value: Int, _ living: Occupancy) {
    self.value = value
    self.living = living
    living.enter()
  }

  deinit { living.leave() }
}

/// Carries out `body`, which may block, on a thread of its own: tests run on Swift's few threads, which asynchronous
/// bodies need.
func aside<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    startThread(named: "aside") { continuation.resume(with: Result { try body() }) }
  }
}

/// Waits without holding a thread. What never comes true is found by the time limit of the tests.
func eventually(_ condition: @Sendable () -> Bool) async throws {
  while !condition() { try await Task.sleep(for: .microseconds(200)) }
}

extension ComputeOptions {
  /// Options that only say how the graph runs.
  static func running(_ run: RunOptions) -> ComputeOptions { ComputeOptions(run: run) }
}
