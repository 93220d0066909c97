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

  @Test func `the help names every option and every exit status`() {
    for spec in WorkerProgram.specs { #expect(WorkerProgram.helpPage.contains("--\(spec.name)")) }
    for line in WorkerProgram.helpPage.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(WorkerProgram.helpPage.contains("4 no scheduler was found"))
  }
}
