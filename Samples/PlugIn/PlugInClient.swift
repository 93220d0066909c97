import Glibc
import Martlet
import MartletCluster

/// A client of stock workers that have loaded the plug-in of `Samples/PlugIn`, whose functions it has in its own code, too.
///
///     swift build -c release
///     Samples/PlugIn/build
///     .build/release/plug-in-client .build/release/libCollatz.so
@main
struct PlugInClient {
  static func main() async {
    guard CommandLine.arguments.count == 2 else {
      print("usage: plug-in-client LIBRARY")
      exit(2)
    }
    do {
      try TaskFunctions.register(Collatz.self, Longest.self)
      var options = LocalClusterOptions()
      options.workerFlags = ["--load", CommandLine.arguments[1]]
      let cluster = try LocalCluster(workers: 2, options: options)
      defer { cluster.close() }
      let client = try cluster.client()
      let parts = (0..<20).map { delayed(Collatz(from: $0 * 10_000 + 1, to: ($0 + 1) * 10_000 + 1), on: []) }
      let longest = try await client.compute(delayed(Longest(), on: parts.map(\.erased)))
      print("\(longest[0]) needs \(longest[1]) steps to 1")
      client.close()
    } catch {
      print("plug-in-client: \(error)")
      exit(1)
    }
  }
}
