import MartletSystem
import Testing

@testable import MartletCluster

@Suite struct WorkerProgramTests {
  private func problem(_ words: String...) -> String? {
    do throws(UsageError) {
      _ = try WorkerProgram.request(words)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `a scheduler is all that has to be named`() throws {
    let request = try WorkerProgram.request(["tcp://h:8786"])
    #expect(request.settings.scheduler == "tcp://h:8786")
    #expect(request.settings.threads == Int(martlet_available_processors()))
    #expect(request.settings.memoryLimit > 1 << 20)
    #expect(request.settings.host == "127.0.0.1" && request.settings.httpPort == nil)
    #expect(request.settings.reconnectSeconds == 60 && request.settings.retirePatience == .seconds(300))
  }

  @Test func `options are taken over`() throws {
    let request = try WorkerProgram.request([
      "h", "--name", "ann", "--threads=3", "--memory-limit", "1.5GiB", "--resources", "gpu=2,disk=1",
      "--local-directory", "/x", "--port", "8790", "--advertise", "worker-1:99", "--http-port", "0",
      "--death-timeout", "5", "--retire_timeout", "250ms", "--log-level", "debug", "--ready-file", "r",
    ])
    let settings = request.settings
    #expect(settings.name == "ann" && settings.threads == 3 && settings.memoryLimit == 1_610_612_736)
    #expect(settings.resources == ["gpu": 2, "disk": 1] && settings.localDirectory == "/x")
    #expect(settings.port == 8790 && settings.advertise == "worker-1:99" && settings.httpPort == 0)
    #expect(settings.reconnectSeconds == 5 && settings.retirePatience == .milliseconds(250))
    #expect(request.logLevel == .debug && request.readyFile == "r")
    #expect(try WorkerProgram.request(["h", "--memory-limit", "none"]).settings.memoryLimit == 0)
  }

  @Test func `what is wrong is said with what to do`() {
    #expect(problem()?.contains("no scheduler is named") == true)
    #expect(problem("a:b:c")?.contains("'a:b:c' is not the address of a scheduler") == true)
    #expect(problem("h", "i")?.contains("no use for 'i'") == true)
    #expect(problem("h", "--memory-limit", "much")?.contains("takes a size, not 'much'") == true)
    #expect(problem("h", "--memory-limit", "-5")?.contains("takes a size") == true)
    #expect(problem("h", "--resources", "gpu")?.contains("takes names with amounts, not 'gpu'") == true)
    #expect(problem("h", "--resources", "gpu=0")?.contains("not 'gpu=0'") == true)
    #expect(problem("h", "--resources", "a=1,a=2")?.contains("names 'a' twice") == true)
    #expect(problem("h", "--threads", "0")?.contains("--threads takes a whole number from 1") == true)
    #expect(problem("h", "--advertise", "a b")?.contains("is no address") == true)
    #expect(problem("h", "--host", "0.0.0.0")?.contains("add --secret-file FILE, or --insecure") == true)
    #expect(problem("h", "--host", "0.0.0.0", "--insecure") == nil)
    #expect(problem("h", "--thread", "2")?.contains("did you mean --threads?") == true)
  }

  @Test func `the scheduler's address may stand in a file`() throws {
    #expect(try WorkerProgram.request(["--scheduler-file", "s"]).schedulerFile == "s")
    #expect(problem("h", "--scheduler-file", "s")?.contains("'h' and --scheduler-file both name a scheduler") == true)
    let directory = try ClusterDirectory(in: nil)
    defer { directory.remove() }
    let path = "\(directory.path)/ready"
    #expect(PlaceFiles.address(in: path, within: .zero) == nil)
    let file = try ReadyFile(path, lines: ["tcp://a:1", "http://a:2"])
    #expect(PlaceFiles.address(in: path, within: .zero) == "tcp://a:1")
    var looks = 0
    let address = PlaceFiles.address(in: path + ".none", within: .seconds(3600)) {
      looks += 1
      return looks > 1
    }
    #expect(address == nil && looks == 2)
    file.remove()
    #expect(PlaceFiles.address(in: path, within: .zero) == nil)
  }

  @Test func `a lifetime is staggered, and needs somebody to start the worker again`() throws {
    #expect(try WorkerProgram.request(["h"]).lifetime == nil)
    #expect(try WorkerProgram.request(["h", "--lifetime", "2h"]).lifetime == .seconds(7200))
    var seen: Set<Duration> = []
    for _ in 0..<20 {
      let words = ["h", "--lifetime", "100s", "--lifetime-stagger", "10s", "--lifetime-restart"]
      let lifetime = try #require(try WorkerProgram.request(words).lifetime)
      #expect(lifetime >= .seconds(90) && lifetime <= .seconds(110))
      seen.insert(lifetime)
    }
    #expect(seen.count > 1)
    #expect(problem("h", "--lifetime-restart")?.contains("--lifetime-restart has no lifetime") == true)
    #expect(problem("h", "--lifetime", "5s", "--lifetime-stagger", "5s")?.contains("is not less than") == true)
    #expect(WorkerProgram.run(["h", "--lifetime", "5s", "--lifetime-restart", "--no-supervisor"]) == 2)
  }

  @Test func `several workers share the processors, and each has a name and files of its own`() throws {
    let words = ["h", "--workers", "3", "--name", "ann", "--ready-file", "r", "--threads=2", "--insecure"]
    #expect(
      try WorkerProgram.request(words).family == [
        ["--threads=2", "--name=ann-0", "--ready-file=r-0", "--insecure", "--", "h"],
        ["--threads=2", "--name=ann-1", "--ready-file=r-1", "--insecure", "--", "h"],
        ["--threads=2", "--name=ann-2", "--ready-file=r-2", "--insecure", "--", "h"],
      ])
    for line in try WorkerProgram.request(words).family { #expect(try WorkerProgram.request(line).family.isEmpty) }
    #expect(try WorkerProgram.request(["h", "--workers", "1"]).family.isEmpty)
    #expect(problem("h", "--workers", "2", "--port", "8790")?.contains("cannot be that of 2 workers") == true)
    #expect(problem("h", "--workers", "0")?.contains("--workers takes a whole number from 1") == true)
  }

  @Test func `memory may be a share of the machine's`() throws {
    let half = try WorkerProgram.request(["h", "--memory-limit", "0.5"]).settings.memoryLimit
    let quarter = try WorkerProgram.request(["h", "--memory-limit", "0.25"]).settings.memoryLimit
    #expect(quarter > 1 << 20 && abs(half - 2 * quarter) <= 1)
    #expect(try WorkerProgram.request(["h", "--memory-limit", "0.5GiB"]).settings.memoryLimit == 1 << 29)
    #expect(try WorkerProgram.request(["h", "--memory-limit", ".5"]).settings.memoryLimit == half)
    #expect(try WorkerProgram.request(["h", "--memory-limit", ".5GiB"]).settings.memoryLimit == 1 << 29)
    #expect(problem("h", "--memory-limit", "1.0")?.contains("takes whole bytes, not '1.0'") == true)
    #expect(problem("h", "--memory-limit", "0.0001b")?.contains("takes a size") == true)
  }

  @Test func `the help names every option and every exit status`() {
    for spec in WorkerProgram.specs { #expect(WorkerProgram.helpPage.contains("--\(spec.name)")) }
    for line in WorkerProgram.helpPage.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(WorkerProgram.helpPage.contains("4 no scheduler was found"))
  }
}
