import MartletScheduler
import Testing

@testable import MartletCluster

@Suite struct CommandLineTests {
  private func complaint(_ words: String...) -> String {
    do throws(UsageError) {
      _ = try SchedulerProgram.request(words)
      return "none"
    } catch {
      return error.description
    }
  }

  @Test func `without options the scheduler listens on this machine only`() throws {
    let request = try SchedulerProgram.request([])
    #expect(request.settings.host == "127.0.0.1" && request.settings.port == 8786)
    #expect(request.settings.http?.host == "127.0.0.1" && request.settings.http?.takesAnother == true)
    #expect(request.settings.core.allowedFailures == 3 && request.settings.secret.isEmpty)
  }

  @Test func `options are read with either sign between name and value`() throws {
    let request = try SchedulerProgram.request([
      "--port=0", "--http_port", "none", "--host", "localhost", "--idle-timeout", "5min", "--heartbeat", "250ms",
      "--allowed-failures", "0", "--log-format", "json", "--log-level=debug", "--ready-file", "there",
    ])
    #expect(request.settings.port == 0 && request.settings.http == nil && request.settings.host == "localhost")
    #expect(request.settings.idleLimit == .seconds(300) && request.settings.core.heartbeatNanoseconds == 250_000_000)
    #expect(request.settings.core.allowedFailures == 0)
    #expect(request.logFormat == .json && request.logLevel == .debug && request.readyFile == "there")
  }

  @Test func `a wrong command line is told what to write instead`() {
    #expect(complaint("--prot", "1") == "there is no option --prot (did you mean --port?)")
    #expect(complaint("--http") == "there is no option --http (martlet-scheduler --help lists the options)")
    #expect(complaint("--port") == "--port needs a value (write --port PORT)")
    #expect(complaint("--port", "x") == "--port takes a whole number from 0 to 65535, not 'x' (write --port 8786)")
    #expect(complaint("--port", "1", "--port", "2") == "--port is there twice (keep one of them)")
    #expect(complaint("--insecure=yes") == "--insecure takes no value (write --insecure alone)")
    #expect(complaint("here") == "there is no use for 'here' (martlet-scheduler --help lists the options)")
    #expect(
      complaint("--log-level", "warn")
        == "--log-level takes debug, info, warning or error, not 'warn' (did you mean warning?)")
    #expect(complaint("--idle-timeout", "soon").hasPrefix("--idle-timeout takes a time, not 'soon'"))
    #expect(complaint("--worker-ttl", "1s").hasPrefix("--worker-ttl has to be twice --heartbeat"))
    #expect(complaint("--secret-file", "/there/is/no/such").hasPrefix("cannot open the secret file"))
  }

  @Test(arguments: ["0.0.0.0", "::", "192.168.1.1", "example.org", "127.0.0.1.example.org", "128.0.0.1"])
  func `an address beyond this machine needs a secret, or a word that it does not`(host: String) throws {
    #expect(complaint("--host", host).contains("add --secret-file FILE, or --insecure"))
    #expect(try SchedulerProgram.request(["--host", host, "--insecure"]).settings.host == host)
  }

  @Test func `the help has at most 80 columns, and every option`() {
    let page = SchedulerProgram.helpPage
    #expect(page.split(separator: "\n").allSatisfy { $0.count <= 80 })
    for spec in SchedulerProgram.specs { #expect(page.contains("  --\(spec.name)")) }
  }

  @Test func `lines of a log stay lines, and JSON stays JSON`() {
    let fields = [("peer", "1.2.3.4:5"), ("name", "a b"), ("odd", "x\n\u{1b}[2J\"")]
    #expect(
      Log.line(.info, "one\ntwo", fields, format: .text, at: "T")
        == "T info    one\\ntwo peer=1.2.3.4:5 name=\"a b\" odd=\"x\\n\\u001b[2J\\\"\"")
    #expect(
      Log.line(.error, "x", [("a", "<\u{85}")], format: .json, at: "T")
        == #"{"time":"T","level":"error","message":"x","a":"\u003c\u0085"}"#)
  }
}
