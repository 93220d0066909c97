import Glibc
import Martlet
import MartletCluster
import MartletGraph

/// Tasks that use the cluster on which they run: the code of a section of `Docs/Client.md`.
///
///     swift run inside-tour
@main
struct InsideTour {
  static func main() async {
    do {
      try TaskFunctions.register(CountQueens.self, Fetch.self, Write.self)
      var options = LocalClusterOptions()
      options.mode = .inProcess
      // One worker with one thread: what waits must not hold it.
      let cluster = try LocalCluster(workers: 1, options: options)
      defer { cluster.close() }
      let client = try cluster.client()
      let queens = try client.submit(CountQueens(size: 7, placed: []))
      print(try await queens.value, "ways to place seven queens")

      let pages = try client.map((1...40).map { Fetch(page: $0) })
      print(try await client.gather(pages).reduce(0, +), "bytes of 40 pages, fetched side by side")

      let lines = try client.map((1...5).map { Write(line: $0) })
      print(try await client.gather(lines).max() ?? 0, "lines, written one after the other")
      client.close()
    } catch {
      print("inside-tour: \(error)")
      exit(1)
    }
  }
}

/// Counts the ways to place the other queens on a board, a task for each square of the next row.
struct CountQueens: PortableTaskFunction, AsyncTaskFunction, Codable {
  static let name = "tour.queens"
  static let version = 1
  var size: Int
  var placed: [Int]

  func run(_ inputs: TaskValues) async throws -> Int {
    if placed.count == size { return 1 }
    let next = (0..<size).filter(isFree).map { CountQueens(size: size, placed: placed + [$0]) }
    let client = try Client.current
    return try await client.gather(client.map(next)).reduce(0, +)
  }

  private func isFree(_ column: Int) -> Bool {
    placed.enumerated().allSatisfy { row, other in
      other != column && abs(other - column) != placed.count - row
    }
  }
}

/// Waits for a slow server, at most eight at a time in the whole cluster, and gives the size of a page.
struct Fetch: PortableTaskFunction, AsyncTaskFunction, Codable {
  static let name = "tour.fetch"
  static let version = 1
  var page: Int

  func run(_ inputs: TaskValues) async throws -> Int {
    try await Client.current.semaphore("server", places: 8).withLease { _ in
      try await Task.sleep(for: .milliseconds(20))
      return 1000 + page
    }
  }
}

/// Writes a line that no other task writes at the same time.
struct Write: PortableTaskFunction, Codable {
  static let name = "tour.write"
  static let version = 1
  var line: Int

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    let client = try Client.current
    return try client.lock("the file").withLease { _ in
      let count = client.variable("lines", of: Int.self)
      let number = (try count.get(timeout: .zero) ?? 0) + 1
      try count.set(number)
      return number
    }
  }
}
