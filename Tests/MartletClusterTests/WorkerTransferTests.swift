import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

/// A few small fields and two large arrays, written by the names of the fields.
struct Survey: PortableValue, Codable, Equatable {
  var title: String
  var heights: [Double]
  var codes: [UInt8]
  var pages: [String: [Int32]]

  init(_ count: Int) {
    title = "survey of \(count)"
    heights = (0..<count).map { Double($0) / 4 }
    codes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    pages = ["one": [1, 2, 3], "two": (0..<count).map { Int32(truncatingIfNeeded: $0) }]
  }
}

struct MakeSurvey: PortableTaskFunction, Codable {
  static let name = "worker.survey"
  static let version = 1
  var count: Int
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Survey { Survey(count) }
}

/// Whether its input is the survey of so many.
struct CheckSurvey: PortableTaskFunction, Codable {
  static let name = "worker.checksurvey"
  static let version = 1
  var count: Int
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Bool {
    try inputs.value(0, as: Survey.self) == Survey(count)
  }
}

/// The largest number of bytes on the heap while it lives.
final class HeapWatch: @unchecked Sendable {
  // Sendable: what it shares is.
  let start = martlet_heap_bytes()
  private let most = Shared(0)
  private let isOver = Shared(false)
  private let hasEnded = Shared(false)

  init() {
    let thread = Start { [most, isOver, hasEnded] in
      while !isOver.now {
        let bytes = martlet_heap_bytes()
        most.with { $0 = max($0, bytes) }
        usleep(200)
      }
      hasEnded.with { $0 = true }
    }
    thread.run()
  }

  /// What was added to the heap at most since it began.
  func end() -> Int {
    isOver.with { $0 = true }
    _ = eventually { hasEnded.now }
    return most.now - start
  }

  private final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    func run() {
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { argument in
          if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
          return nil
        }, Unmanaged.passRetained(self).toOpaque())
      pthread_detach(thread)
    }
  }
}

extension ClusterTests {
  @Suite struct WorkerTransferTests {
    /// A cluster whose workers know surveys, too.
    private func cluster() throws -> TestCluster {
      try TestCluster(registering: {
        try $0.register(MakeSurvey.self)
        try $0.register(CheckSurvey.self)
      })
    }

    private func at(_ name: String) -> (inout WorkerServerSettings) -> Void { { $0.resources = [name: 8] } }

    @Test func `a large value goes from worker to worker without a second copy on either side`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        try cluster.add("a", at("a"))
        try cluster.add("b", at("b"))
        let count = 4_000_000
        var builder = GraphBuilder()
        let large = builder.call(Numbers(count: count, seed: 9), traits: .at("a"))
        let sent = try cluster.client.submit(builder.build(), [large.id])
        #expect(cluster.client.wait(sent))
        let expected = Mix.of([Numbers.list(count, 9)])
        let watch = HeapWatch()
        var other = GraphBuilder()
        let mix = other.call(
          Mix(), on: [other.call(Numbers(count: count, seed: 9), traits: .at("a"))], traits: .at("b"))
        let mixed = try cluster.client.submit(other.build(), [mix.id])
        #expect(cluster.client.wait(mixed))
        let grown = watch.end()
        #expect(try cluster.client.value(mixed, as: UInt64.self) == expected)
        // The receiver's 32 MB, and what sockets and messages take. Another copy would be 64.
        #expect(grown < 8 * count + 12 << 20, "\(grown) bytes more")
        // A sanitizer's heap is not the one that is watched.
        #expect(grown >= 8 * count || isSanitized, "\(grown) bytes more")
        #expect(cluster.workers[0].inspect { $0.counters.servedValues } == 1)
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `values of several large arrays are what they were on another worker and at a client`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        try cluster.add("a", at("a"))
        try cluster.add("b", at("b"))
        for count in [0, 10, 40_000, 300_000] {
          var builder = GraphBuilder()
          let made = builder.call(MakeSurvey(count: count), traits: .at("a"))
          let isRight = builder.call(CheckSurvey(count: count), on: [made], traits: .at("b"))
          let sent = try cluster.client.submit(builder.build(), [isRight.id, made.id])
          #expect(cluster.client.wait(sent))
          #expect(try cluster.client.value(sent, 0, as: Bool.self), "\(count)")
          #expect(try cluster.client.value(sent, 1, as: Survey.self) == Survey(count))
        }
      }
    }

    @Test func `a transfer that is cut is begun again, and its result is exact`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        // Behind the head, in the middle of an array, and near the end.
        let proxy = CuttingProxy(cuts: [2_000, 5_000_000, 15_999_000])
        defer { proxy.close() }
        let holder = try cluster.add("a") {
          $0.resources = ["a": 8]
          $0.advertise = "127.0.0.1:\(proxy.port)"
          $0.core.connectionAttempts = 10
        }
        proxy.forward(to: try #require(holder.inspect { $0.listener?.address.port ?? 0 }))
        let fetcher = try cluster.add("b") {
          $0.resources = ["b": 8]
          $0.core.connectionAttempts = 10
        }
        let before = martlet_heap_bytes()
        var builder = GraphBuilder()
        let large = builder.call(Numbers(count: 2_000_000, seed: 3), traits: .at("a"))
        let mix = builder.call(Mix(), on: [large], traits: .at("b"))
        let sent = try cluster.client.submit(builder.build(), [mix.id])
        #expect(cluster.client.wait(sent))
        #expect(try cluster.client.value(sent, as: UInt64.self) == Mix.of([Numbers.list(2_000_000, 3)]))
        #expect(proxy.cutsMade == 3)
        #expect(fetcher.lines.with { $0.count { $0.contains("the connection to a peer is gone") } } == 3)
        #expect(cluster.brokenInvariant == "")
        cluster.client.say(ClientToScheduler.goodbye)
        #expect(eventually { cluster.isEmpty })
        // Nothing of four receptions of 16 MB is left.
        #expect(eventually { martlet_heap_bytes() < before + 8 << 20 })
      }
    }

    @Test func `a peer that does not read costs the sender nothing but its own value`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        let count = 4_000_000
        var builder = GraphBuilder()
        let large = builder.call(Numbers(count: count, seed: 4))
        let sent = try cluster.client.submit(builder.build(), [large.id])
        #expect(cluster.client.wait(sent))
        let name = NamedTask(task: sent.handles[0], digest: sent.digests[0])
        let watch = HeapWatch()
        let peers = try (0..<4).map { _ in try Fetcher(worker.server.address, on: cluster.scheduler.loop) }
        for peer in peers {
          let session = try #require(peer.session.now)
          session.loop.execute { session.pauseReading() }
          peer.say(PeerRequest.get(request: 1, [NamedTask](repeating: name, count: 4)))
        }
        // Each has the first in its queue, and no other behind it.
        #expect(
          eventually {
            worker.inspect { shell in shell.requesters.values.count { ($0.session?.queuedBytes ?? 0) > 8_000_000 } }
              == 4
          })
        #expect(
          worker.inspect { $0.requesters.values.allSatisfy { ($0.session?.queuedBytes ?? 0) < 33_000_000 } } == true)
        #expect(watch.end() < 16 << 20)
        for peer in peers { peer.hangUp() }
        #expect(eventually { worker.inspect { $0.requesters.count } == 0 })
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `segments that lie change no value, and segments that cannot be end the connection`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        let numbers = Numbers.list(100_000, 5)
        let bytes = numbers.portableBytes()
        func put(_ number: UInt32, _ list: [ByteSegment]) throws -> Fetcher {
          let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
          let value = PutValue(
            digest: Digest128(low: UInt64(number), high: 1), type: "[UInt64]", byteCount: Int64(bytes.count))
          peer.say(PeerRequest.put(request: number, [value]))
          peer.say(Raw(bytes: value.portableBytes() + segmentBytes(list)), body: bytes)
          return peer
        }
        func segmentBytes(_ list: [ByteSegment]) -> [UInt8] {
          var writer = ByteWriter()
          writer.write(varint: UInt64(list.count))
          for segment in list { segment.write(to: &writer) }
          return writer.bytes
        }
        func segment(_ skipped: Int, _ count: Int, _ kind: UInt8 = 9) -> ByteSegment {
          ByteSegment(skipped: skipped, count: count, kind: kind)
        }
        // Right, of another kind, of no kind, not a whole number of elements, in the middle, of everything.
        let odd: [[ByteSegment]] = [
          [segment(3, 800_000)], [segment(3, 800_000, 12)], [segment(3, 800_000, 200)], [segment(3, 799_999)],
          [segment(100_001, 80_000), segment(0, 80_000), segment(3, 1)], [segment(0, 800_003)],
          [segment(3, 400_000), segment(0, 400_000)],
        ]
        var random = SeededGenerator(seed: 21)
        for (place, list) in odd.enumerated() {
          let number = UInt32(place + 1)
          let peer = try put(number, list)
          #expect(eventually { peer.replies.now.contains(.done(request: number)) }, "\(list)")
          let held = worker.inspect { shell in
            shell.core.metrics.resultBytes
          }
          #expect(held ?? 0 >= Int64(place + 1) * 800_000)
          peer.hangUp()
        }
        let wrong: [[ByteSegment]] = [
          [segment(3, 800_001)], [segment(800_004, 1)], [segment(3, 800_000), segment(0, 1)],
          [segment(0, 1 << 50)], [segment(1 << 50, 1)],
          [ByteSegment](repeating: segment(0, 1), count: ByteSegment.most + 1),
        ]
        for list in wrong {
          let peer = try put(90, list)
          #expect(eventually { peer.end.now != nil }, "\(list.count): \(list[0])")
        }
        // Flipped bits of a good head: a value, a rejection, or the end of the connection.
        let head = PutValue(digest: Digest128(low: 50, high: 1), type: "[UInt64]", byteCount: Int64(bytes.count))
        let good = head.portableBytes() + segmentBytes(odd[0])
        for round in 0..<60 {
          let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
          var bad = good
          bad[random.below(bad.count)] ^= 1 << UInt8(random.below(8))
          if round % 3 == 0 { bad.removeLast(1 + random.below(4)) }
          if round % 7 == 0 { bad += [UInt8](repeating: 1, count: 1 + random.below(4)) }
          peer.say(PeerRequest.put(request: UInt32(100 + round), [head]))
          peer.say(Raw(bytes: bad), body: bytes)
          // What is skipped is followed by an answer to this.
          peer.say(PeerRequest.get(request: 7, []))
          #expect(eventually { peer.end.now != nil || peer.replies.now.contains(.done(request: 7)) })
          peer.hangUp()
        }
        #expect(eventually { worker.inspect { $0.requesters.count } == 0 })
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `data of a value that is sent twice is taken once`() async throws {
      try await asideAlone {
        let cluster = try cluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        // Its decoding takes longer than its coming.
        let pages = [Page](repeating: Page(words: ["some", "words"]), count: 20_000)
        let bytes = pages.portableBytes()
        let value = PutValue(
          digest: Digest128(low: 1, high: 3), type: "[\(Page.portableTypeName)]", byteCount: Int64(bytes.count))
        let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
        peer.say(PeerRequest.put(request: 3, [value]))
        for _ in 0..<20 { peer.say(value, body: bytes) }
        #expect(eventually { peer.replies.now.contains(.done(request: 3)) })
        peer.say(PeerRequest.get(request: 7, []))
        #expect(eventually { peer.replies.now.contains(.done(request: 7)) })
        #expect(worker.inspect { $0.counters.receivedBytes } == Int64(bytes.count))
        peer.hangUp()
      }
    }
  }
}
