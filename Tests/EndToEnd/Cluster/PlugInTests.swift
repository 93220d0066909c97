import Glibc
import Martlet
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Stock workers with the plug-in of `Samples/PlugIn`.
  @Suite struct PlugInTests {
    /// A function of the plug-in, as a client has it.
    struct Collatz: PortableTaskFunction, Codable {
      static let name = "plug-in.collatz"
      static let version = 1
      var from: Int
      var to: Int
      func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [Int] { [] }
    }

    @Test func `a worker runs functions of a plug-in; without it, a task says what no worker has`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        let library = "\(sandbox.path)/libCollatz.so"
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let command =
          "swiftc -parse-as-library -emit-library -module-name CollatzPlugIn -o \(library) -I \(Programs.path("Modules")) "
          + "-Xcc -fmodule-map-file=\(Programs.path("MartletSystem.build/module.modulemap")) "
          + "\(root)/Samples/PlugIn/Collatz.swift \(root)/Samples/PlugIn/Exported.swift"
        try #require(system(command) == 0)
        var registry = TaskFunctionRegistry()
        try registry.register(Collatz.self)
        var options = LocalClusterOptions()
        options.registry = registry
        options.directory = sandbox.path
        do {
          let bare = try LocalCluster(workers: 1, options: options)
          defer { bare.close() }
          let client = try bare.client()
          defer { client.close() }
          let future = try client.submit(Collatz(from: 1, to: 10))
          let error = #expect(throws: ClusterTaskError.self) { _ = try future.result(timeout: .seconds(60)) }
          #expect(error?.message.contains("plug-in.collatz") == true)
        }
        options.workerFlags = ["--load", library]
        let cluster = try LocalCluster(workers: 1, options: options)
        defer { cluster.close() }
        let client = try cluster.client()
        defer { client.close() }
        #expect(try client.submit(Collatz(from: 1, to: 10_000)).result(timeout: .seconds(60)) == [6171, 261])
        options.workerFlags = ["--load", "\(sandbox.path)/none.so"]
        let error = #expect(throws: ClusterError.self) { try LocalCluster(workers: 1, options: options) }
        #expect(error?.message.contains("--load \(sandbox.path)/none.so: it cannot be opened") == true)
        #expect(error?.message.contains("exit status 2") == true)
      }
    }
  }
}
