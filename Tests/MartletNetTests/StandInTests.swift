import Glibc
import MartletSystem
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  /// Loops whose own thread stands aside for the threads that take its turns.
  @Suite struct StandInTests {
    /// A loop that polls for so long before it sleeps.
    private func loop(poll: Duration = .zero) throws -> EventLoop {
      var settings = LoopSettings()
      settings.pollLimit = poll
      return try EventLoop(name: "test", settings: settings)
    }

    /// Takes turns until the loop's own thread has been told to stand aside, and gives it a reason to look.
    private func standAside(_ loop: EventLoop) {
      #expect(eventually { loop.takeTurn(isSoonFollowed: true) {} && loop.standsAside })
      loop.execute {}
    }

    @Test func `only many turns in a row that are soon followed move the loop's thread aside`() {
      var standIn = StandIn()
      var answers: [Bool] = []
      func take(_ count: Int, isSoonFollowed: Bool) {
        for _ in 0..<count { answers.append(standIn.took(isSoonFollowed: isSoonFollowed)) }
      }
      for _ in 0..<3 {
        take(StandIn.needed - 1, isSoonFollowed: true)
        take(1, isSoonFollowed: false)
      }
      take(StandIn.needed - 1, isSoonFollowed: true)
      #expect(!answers.contains(true))
      answers = []
      take(100, isSoonFollowed: true)
      #expect(!answers.contains(false))
      standIn.reset()
      take(1, isSoonFollowed: true)
      #expect(answers.last == false)
      #expect(standIn.taken == UInt64(4 * StandIn.needed + 100))
    }

    @Test func `without turns the loop's own thread goes back to its place`() throws {
      let loop = try loop()
      defer { loop.end() }
      standAside(loop)
      #expect(eventually { !loop.standsAside })
      let own = loop.sync { martlet_thread_identity() }
      #expect(own != nil && own != martlet_thread_identity())
    }

    @Test func `a turn that is not soon followed calls the loop's own thread back`() throws {
      let loop = try loop()
      defer { loop.end() }
      #expect(eventually { loop.takeTurn(isSoonFollowed: true) {} && loop.standsAside })
      #expect(eventually { loop.takeTurn {} })
      #expect(!loop.standsAside)
    }

    @Test func `nobody waits in the place of a loop that has not stood aside`() throws {
      let loop = try loop()
      defer { loop.end() }
      #expect(!loop.waitInPlace(atMost: 1_000_000) { true })
    }

    /// What a thread that stands in for the loop has seen.
    private final class Stand: Sendable {
      let thread = Atomic<UInt>(0)
      let isOver = Atomic<Bool>(false)
      let hasEnded = Atomic<Bool>(false)
    }

    /// Starts a thread that waits in the place of the loop's until it is told that this is over.
    private func stand(in loop: EventLoop, atMost limit: UInt64 = 50_000_000) -> Stand {
      let stand = Stand()
      _ = startNetThread("stand-in") {
        stand.thread.store(martlet_thread_identity(), ordering: .relaxed)
        while !stand.isOver.load(ordering: .acquiring) {
          _ = loop.takeTurn(isSoonFollowed: true) {}
          _ = loop.waitInPlace(atMost: limit) { !stand.isOver.load(ordering: .acquiring) }
        }
        stand.hasEnded.store(true, ordering: .releasing)
      }
      return stand
    }

    @Test func `who waits in the loop's place does its work: submissions, timers, bytes`() throws {
      let loop = try loop()
      defer { loop.end() }
      let stand = stand(in: loop)
      let identity = { stand.thread.load(ordering: .relaxed) }
      #expect(eventually { loop.sync { martlet_thread_identity() } == identity() })
      let fired = Shared<[UInt]>([])
      #expect(
        eventually {
          _ = loop.sync {
            loop.schedule(after: .milliseconds(1)) { fired.with { $0.append(martlet_thread_identity()) } }
          }
          return fired.now.contains(identity())
        })
      // What comes is sent back, by whoever waits for it.
      let listener = try TCPListener(host: "127.0.0.1", port: 0, on: loop) { _ in Echo() }
      let socket = try RawSocket(port: listener.address.port)
      defer { socket.close() }
      for round in 0..<20 {
        let bytes = [UInt8](repeating: UInt8(round), count: 100)
        socket.write(bytes)
        #expect(socket.read(100) == bytes)
      }
      stand.isOver.store(true, ordering: .releasing)
      #expect(eventually { stand.hasEnded.load(ordering: .acquiring) })
    }

    @Test func `a turn of somebody else ends the wait of who waits in the loop's place`() throws {
      let loop = try loop()
      defer { loop.end() }
      let stand = stand(in: loop, atMost: 3_600_000_000_000)
      #expect(eventually { loop.sync { martlet_thread_identity() } == stand.thread.load(ordering: .relaxed) })
      #expect(
        eventually {
          loop.takeTurn(isSoonFollowed: true) {
            stand.isOver.store(true, ordering: .releasing)
            loop.wakeInPlace()
          }
        })
      #expect(eventually { stand.hasEnded.load(ordering: .acquiring) })
    }

    @Test func `a loop ends while somebody waits in its place`() throws {
      for _ in 0..<50 {
        let loop = try loop()
        let stand = stand(in: loop)
        #expect(eventually { loop.standsAside })
        loop.shutdown()
        loop.waitUntilStopped()
        #expect(!loop.waitInPlace(atMost: 1_000_000) { true })
        stand.isOver.store(true, ordering: .releasing)
        #expect(eventually { stand.hasEnded.load(ordering: .acquiring) })
      }
    }

    @Test(arguments: [Duration.zero, .microseconds(50)])
    func `turns never overlap, whoever waits for them, and no submission is lost`(poll: Duration) throws {
      let loop = try loop(poll: poll)
      defer { loop.end() }
      let watch = TurnWatch()
      let (ran, ended) = (Count(), Count())
      for thread in 0..<4 {
        _ = startNetThread("taker") {
          for number in 0..<2000 {
            switch (number / 16 + thread) % 4 {
            case 0:
              loop.execute { watch.turn(of: loop) { ran.add(1) } }
            case 1: _ = loop.waitInPlace(atMost: 20_000) { ran.value % 7 != 0 }
            // Long pieces of work now and then: the loop's own thread is called back.
            default: _ = loop.takeTurn(isSoonFollowed: number % 512 < 448) { watch.turn(of: loop) }
            }
          }
          ended.add(1)
        }
      }
      #expect(eventually { ended.value == 4 })
      #expect(eventually { ran.value == 2000 }, "\(ran.value)")
      #expect(watch.overlaps.value == 0)
    }
  }
}
