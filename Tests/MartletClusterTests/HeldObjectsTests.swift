import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  /// What a leak checker would find at the end of the process is found here at the end of a cluster.
  @Suite struct HeldObjectsTests {
    /// Objects that are watched, and not held.
    private final class Watched: @unchecked Sendable {
      // Sendable: `list` is guarded.
      private struct Entry {
        let name: String
        weak var object: AnyObject?
      }
      private let list = Shared<[Entry]>([])

      func add(_ object: AnyObject, _ name: String) { list.with { $0.append(Entry(name: name, object: object)) } }

      /// The names of those that are still there.
      var left: [String] { list.with { $0.filter { $0.object != nil }.map(\.name) } }
      var count: Int { list.with { $0.count } }
    }

    @Test func `nothing of servers, loops and sessions is held when a cluster has ended`() async throws {
      try await asideAlone {
        let watched = Watched()
        func run() throws {
          let cluster = try TestCluster(secret: "s") { $0.handshakeLimit = .milliseconds(300) }
          defer { cluster.end() }
          let workers = [try cluster.add("a"), try cluster.add("b")]
          var builder = GraphBuilder()
          let parts = (0..<8).map { builder.call(Numbers(count: 40_000, seed: UInt64($0))) }
          let mixes = (0..<4).map { builder.call(Mix(), on: [parts[$0], parts[$0 + 4]]) }
          let failing = builder.call(Mix(), on: [mixes[0]])
          let sent = try cluster.client.submit(
            builder.build(), parts.map(\.id) + mixes.map(\.id) + [failing.id])
          #expect(cluster.client.wait(sent))
          for place in 0..<8 { _ = try cluster.client.value(sent, place, as: [UInt64].self) }
          #expect(cluster.client.failures.now.count == 1)
          // Those who are refused, or hang up, are not held either.
          for port in [cluster.scheduler.port, try #require(HostAndPort(workers[0].server.address)).port] {
            for bytes in [[UInt8](repeating: 255, count: 9), [40, 0, 1], []] {
              let socket = try RawSocket(port: port)
              socket.write(bytes)
              socket.endOutput()
              _ = socket.read()
              socket.close()
            }
          }
          for worker in workers {
            _ = worker.inspect { shell in
              watched.add(shell, "a worker's shell")
              watched.add(shell.loop, "a worker's loop")
              if let link = shell.link { watched.add(link, "a link to the scheduler") }
              for peer in shell.peers.values { watched.add(peer, "a link to a peer") }
              for requester in shell.requesters.values { watched.add(requester, "a requester") }
            }
            watched.add(worker.server, "a worker")
          }
          _ = cluster.scheduler.inspect { watched.add($0, "the scheduler's shell") }
          watched.add(cluster.scheduler.server, "the scheduler")
          watched.add(cluster.scheduler.loop, "the clients' loop")
          watched.add(cluster.client, "a client")
          if let session = cluster.client.session.now { watched.add(session, "a session") }
        }
        try run()
        #expect(watched.count > 10)
        #expect(eventually { watched.left.isEmpty }, "\(watched.left)")
      }
    }
  }
}
