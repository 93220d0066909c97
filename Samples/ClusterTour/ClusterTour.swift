import Glibc
import Martlet
import MartletCluster

/// What a program can do with a cluster: the code that `Docs/Client.md` shows.
///
///     swift run cluster-tour
///
/// The cluster is in this process, so that its workers know the functions of this program.
@main
struct ClusterTour {
  static func main() async {
    do {
      try TaskFunctions.register(CountPrimes.self, Sum.self, CountBelow.self)
      var options = LocalClusterOptions()
      options.mode = .inProcess
      let cluster = try LocalCluster(workers: 2, options: options)
      defer { cluster.close() }
      let client = try cluster.client()
      try graphs(client)
      try futures(client)
      try data(client)
      try shared(client)
      try await asynchronous(client)
      client.close()
    } catch {
      print("cluster-tour: \(error)")
      exit(1)
    }
  }

  /// The cluster as an executor.
  private static func graphs(_ client: Client) throws {
    let pieces = (0..<8).map { delayed(CountPrimes(from: $0 * 10_000, to: ($0 + 1) * 10_000), on: []) }
    let total = delayed(Sum(), on: pieces.map(\.erased))
    print(try total.run(on: client), "primes below 80,000")

    let closure = total.map { $0 * 2 }
    do {
      print(try closure.run(on: client))
    } catch let error as ShippingError {
      print(error)
    }
  }

  /// Tasks one by one.
  private static func futures(_ client: Client) throws {
    let first = try client.submit(CountPrimes(from: 0, to: 1000))
    let second = try client.submit(CountPrimes(from: 1000, to: 2000))
    let both = try client.submit(Sum(), first, second)
    print(try both.result(timeout: .seconds(30)), "primes below 2,000")

    let counts = try client.map((0..<100).map { CountPrimes(from: $0 * 100, to: ($0 + 1) * 100) })
    print(try client.gather(counts).max() ?? 0, "primes in the best hundred")

    var best = 0
    let completed = client.asCompleted(counts)
    while let count = completed.next() { best = max(best, try count.result()) }
    print(best, "again, as they came")

    let kept = try client.persist(delayed(CountPrimes(from: 0, to: 50_000), on: []))
    print(try delayed(Sum(), kept, both.delayed).run(on: client))
  }

  /// Data that the program brings, and results that outlive it.
  private static func data(_ client: Client) throws {
    let numbers = try client.scatter(Array(0..<100_000))
    let below = try client.submit(CountBelow(limit: 500), numbers)
    print(try below.result(), "numbers below 500, on", try client.whoHas([numbers])[0].count, "worker")

    try client.publish([below], as: "below 500")
    let found = try client.dataset("below 500", of: Int.self)
    print(try found[0].result(), "under the name", try client.publishedNames()[0])
    try client.unpublish("below 500")
  }

  /// What clients and tasks share by name.
  private static func shared(_ client: Client) throws {
    let queue = client.queue("work", of: String.self, limit: 100)
    try queue.put("a page to fetch")
    if let page = try queue.take(timeout: .seconds(1)) { print(page) }

    let threshold = client.variable("threshold", of: Double.self)
    try threshold.set(0.75)
    print(try threshold.get() ?? 0)

    let next = try client.lock("the one file").withLease { lease in lease.fence }
    print("lease", next)

    let news = try client.topic("news", of: String.self).messages()
    try client.topic("news").publish("it begins")
    print(try news.next() ?? "")
  }

  /// The same without blocking a thread.
  private static func asynchronous(_ client: Client) async throws {
    let counts = try client.map((0..<20).map { CountPrimes(from: $0 * 500, to: ($0 + 1) * 500) })
    var total = 0
    for await count in client.asCompleted(counts) { total += try await count.value }
    print(total, "primes below 10,000,", try await client.workers().count, "workers")
  }
}
