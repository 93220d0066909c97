import Martlet
import MartletBytes
import MartletEngine
import MartletGraph
import MartletProtocol
import MartletWorker
import Synchronization
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct BodyRunTests {
    @Test func `a body that waited goes on once, though two threads are asked to go on with it`() throws {
      var registry = TaskFunctionRegistry()
      try registry.register(value: Told.self)
      try registry.register(Waits.self)
      let threads = BodyThreads(count: 1, registry: registry)
      let run = BodyRun(ExecutionID(rawValue: 0), BodyRun.Limits(inlineBytes: 100, maximumBytes: 1 << 20), nil)
      let task = ComputeTask(
        task: TaskHandle(slot: 0, generation: 0), run: RunID(rawValue: 1), digest: Digest128(low: 1, high: 0),
        label: "waits",
        priority: 0,
        work: .call(FunctionName(name: Waits.name, version: Waits.version), arguments: Waits().portableBytes()))
      run.prepare(task, inputCount: 0, isAwaited: false)
      let stop = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
      stop.initialize(to: Atomic(false))
      defer { stop.deallocate() }
      let scene = Scene.shared

      let seat = BodySeat(threads, number: 0)
      #expect(!seat.begin(run, registry, stop: stop))
      // While its result is measured, so when it is over but has not been handed back, the other one comes.
      scene.whenWritten { scene.heard(BodySeat(threads, number: 1).goOn(run)) }
      scene.open()
      #expect(seat.goOn(run))
      #expect(scene.begun == 1)
      #expect(scene.late == [false])
      #expect(run.inline == [7])
      // And one that comes when all is over.
      #expect(!BodySeat(threads, number: 1).goOn(run))
      run.discard()
    }
  }
}

/// What the one body of the test above waits for, and what it has seen.
private final class Scene: @unchecked Sendable {
  // Sendable: the lock guards all of it.
  static let shared = Scene()
  private let lock = Lock()
  private var waiting: CheckedContinuation<Void, Never>?
  private var written: (@Sendable () -> Void)?
  private(set) var begun = 0
  private(set) var late: [Bool] = []

  func wait(_ continuation: CheckedContinuation<Void, Never>) {
    lock.withLock {
      begun += 1
      waiting = continuation
    }
  }

  func open() { lock.withLock { waiting }?.resume() }

  func whenWritten(_ action: @escaping @Sendable () -> Void) { lock.withLock { written = action } }

  /// Called where the result is written; what was told to happen then happens once.
  func isWritten() {
    let action = lock.withLock {
      defer { written = nil }
      return written
    }
    action?()
  }

  func heard(_ hasEnded: Bool) { lock.withLock { late.append(hasEnded) } }
}

private struct Waits: PortableTaskFunction, AsyncTaskFunction, Codable {
  static let name = "cluster-test.waits"
  static let version = 1
  func run(_ inputs: TaskValues) async throws -> Told {
    await withCheckedContinuation { Scene.shared.wait($0) }
    return Told()
  }
}

/// A result that tells when it is written.
private struct Told: PortableValue {
  init() {}
  init(from reader: inout ByteReader) throws(ByteError) { _ = try UInt8(from: &reader) }
  func write(to writer: inout ByteWriter) {
    Scene.shared.isWritten()
    UInt8(7).write(to: &writer)
  }
}
