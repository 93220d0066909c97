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
      try TaskFunctions.register(blocks: Draws.self, Total.self)
      var options = LocalClusterOptions()
      options.mode = .inProcess
      let cluster = try LocalCluster(workers: 2, options: options)
      defer { cluster.close() }
      let client = try cluster.client()
      try graphs(client)
      try futures(client)
      try data(client)
      try blocks(client)
      try workers(client)
      try shared(client)
      try startAnew(client)
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

  /// Layers of blocks, which are sent as layers.
  private static func blocks(_ client: Client) throws {
    var layers = BlockLayers()
    let draws = layers.add("draw", Draws(count: 100), blocks: [1000])
    let total = layers.add("total", Total(), blocks: [], inputs: [BlockInput(draws, [.all])])
    let hits = try client.submit(.all(total), of: layers, as: Int.self)[0].result()
    print("π is about", 4 * Double(hits) / 100_000)

    var builder = GraphBuilder()
    let sums = try layers.expand([.all(total)], into: &builder)[0]
    let same = try client.run(builder.build(), outputs: sums, options: RunOptions())
    print(same[sums[0].typed(as: Int.self)] == hits)
  }

  /// Where things run and lie.
  private static func workers(_ client: Client) throws {
    let table = try client.scatter(Array(0..<100_000), broadcasts: true)
    let place = try client.workers()[0]
    var options = SubmitOptions()
    options.workers = [place.name]
    options.priority = 10
    let below = delayed(CountBelow(limit: 10), table.delayed)
    print(try client.submit(below, options: options).result(), "numbers below 10, counted by", place.name)

    for outcome in try client.runOnWorkers(CountPrimes(from: 0, to: 100)) {
      print(outcome.worker, "says", try outcome.result.get())
    }
    try client.replicate([table], copies: 2)
    try client.rebalance()
  }

  /// A cluster that forgets everything.
  private static func startAnew(_ client: Client) throws {
    let lost = try client.submit(CountPrimes(from: 0, to: 70_000))
    try client.restart(timeout: .seconds(60))
    do {
      _ = try lost.result()
      print("it was here already")
    } catch let error as ClusterTaskError where error.kind == .restarted {
      lost.retry()
      print(try lost.result(), "primes below 70,000, at last")
    }
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
