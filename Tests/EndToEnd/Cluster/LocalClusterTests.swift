import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Clusters on this machine begin, change and end.
  @Suite struct LocalClusterTests {
    @Test func `processes compute a graph, and are gone when the cluster is closed`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 3) { cluster, client in
          #expect(cluster.workerCount == 3)
          #expect(SchedulerQuestion.workers(at: cluster.httpAddress) == 3)
          let load = mixedLoad(seed: 1, layers: 4, width: 20, slowestMilliseconds: 0)
          #expect(try load.run(on: client) == load.run(on: SerialExecutor()))
          let processes = try #require(cluster.processes)
          #expect(processes.all.count == 7)
          #expect(!processes.all.contains(where: isGone))
          #expect(processes.supervisorProcesses.allSatisfy { getpgid($0) == $0 })
          // Others must not read the secret.
          var status = stat()
          #expect(stat(processes.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
          #expect(stat(processes.path + "/secret", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
      }
    }

    @Test func `workers come and go`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 1) { cluster, client in
          let kept = try client.submit(delayed(Slow(milliseconds: 0, value: 5), on: []))
          #expect(try kept.result() == 5)
          try cluster.scale(to: 3)
          #expect(SchedulerQuestion.workers(at: cluster.httpAddress) == 3)
          let before = try #require(cluster.processes).all
          let more = try client.map((0..<60).map { Slow(milliseconds: 1, value: $0) })
          #expect(try more.map { try $0.result() } == Array(0..<60))
          try cluster.scale(to: 1)
          #expect(cluster.workerCount == 1)
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 1 })
          #expect(before.filter(isGone).count == 4)
          #expect(try client.submit(Plus(constant: 1), kept).result() == 6)
          #expect(try more.map { try $0.result() } == Array(0..<60))
          try cluster.scale(to: 0)
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 0 })
        }
      }
    }

    @Test func `threads of this process are a cluster, too`() async throws {
      try await asideAlone {
        var options = try TestCluster.options()
        options.mode = .inProcess
        let cluster = try LocalCluster(workers: 2, threads: 2, options: options)
        let client = try cluster.client()
        let load = mixedLoad(seed: 2, layers: 4, width: 20, slowestMilliseconds: 0)
        #expect(try load.run(on: client) == load.run(on: SerialExecutor()))
        try cluster.scale(to: 3)
        try cluster.scale(to: 1)
        #expect(try load.run(on: client) == load.run(on: SerialExecutor()))
        client.close()
        cluster.close()
        cluster.close()
        #expect(throws: ClusterError.self) { try cluster.scale(to: 2) }
      }
    }

    @Test func `the last reference takes the cluster with it`() async throws {
      try await asideAlone {
        var processes: [pid_t] = []
        var path = ""
        do {
          let cluster = try LocalCluster(workers: 1, options: try TestCluster.options())
          processes = try #require(cluster.processes).all
          path = try #require(cluster.processes).path
          #expect(exists(path))
        }
        #expect(processes.count == 3)
        #expect(processes.allSatisfy(isGone))
        #expect(!exists(path))
      }
    }

    @Test func `the stock programs are found beside this one`() async throws {
      try await asideAlone {
        var options = LocalClusterOptions()
        options.memoryLimit = 1 << 30
        options.resources = ["gpu": 2]
        let cluster = try LocalCluster(workers: 1, options: options)
        #expect(SchedulerQuestion.workers(at: cluster.httpAddress) == 1)
        cluster.close()
      }
    }

    @Test func `a worker that cannot start is an error with its last words`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        var options = try TestCluster.options()
        options.directory = sandbox.path
        options.workerProgram = "/bin/sh"
        options.workerArguments = ["-c", "echo 'no such luck' >&2; exit 5", "sh"]
        let error = #expect(throws: ClusterError.self) { try LocalCluster(workers: 2, options: options) }
        #expect(error?.code == .notStarted)
        // Both end; the one that has ended first is named.
        let message = try #require(error?.message)
        #expect(message.hasPrefix("worker-"))
        #expect(message.contains(" of the cluster did not start: it ended with exit status 5"))
        #expect(message.contains("no such luck"))
        #expect(sandbox.files.isEmpty)
      }
    }

    @Test func `a scheduler that cannot start is an error with its last words`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        var options = try TestCluster.options()
        options.directory = sandbox.path
        options.schedulerFlags = ["--no-such-flag"]
        let error = #expect(throws: ClusterError.self) { try LocalCluster(workers: 1, options: options) }
        #expect(error?.message.contains("there is no option --no-such-flag") == true)
        options.schedulerFlags = []
        options.binaries = "/usr/lib"
        #expect(throws: ClusterError.self) { try LocalCluster(workers: 1, options: options) }
        options.binaries = nil
        options.workerProgram = "/bin/sleep"
        options.workerArguments = ["1000", "#"]
        options.startTimeout = .milliseconds(200)
        let late = #expect(throws: ClusterError.self) { try LocalCluster(workers: 1, options: options) }
        #expect(late?.code == .notStarted)
        options.directory = "/no/such/directory"
        let lost = #expect(throws: ClusterError.self) { try LocalCluster(workers: 1, options: options) }
        #expect(lost?.message.contains("'/no/such/directory/martlet-cluster-") == true)
        #expect(sandbox.files.isEmpty)
      }
    }

    @Test(arguments: ["kill", "line"])
    func `a program that is its own worker leaves nothing, however it ends`(way: String) async throws {
      try await asideAlone {
        let owner = try RunningProgram("cluster-program", ["own", "2"])
        #expect(eventually { owner.output.hasSuffix("\n") })
        let words = owner.output.split(whereSeparator: \.isWhitespace)
        let path = String(try #require(words.first, "\(owner.errors)"))
        let named = words.dropFirst().compactMap { pid_t($0) }
        #expect(named.count == 3)
        let all = named + named.flatMap(children) + children(of: owner.process.process)
        #expect(exists(path) && !all.contains(where: isGone))
        #expect(Set(all).count == 6)  // with the one that keeps the directory
        if way == "kill" {
          owner.process.send(SIGKILL)
          #expect(owner.end() == .signalled(SIGKILL))
        } else {
          owner.say("")
          #expect(owner.end() == .exited(0))
          #expect(owner.output.hasSuffix("closing\n"))
        }
        #expect(eventually { all.allSatisfy(isGone) })
        #expect(eventually { !exists(path) })
      }
    }
  }
}
