import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// How a run ends before its end.
@Suite struct EndingTests {
  private let endless = ["generate", "--rows", "1000000000000"]

  @Test func `a reader that has seen enough ends it quietly`() {
    let command = Command(endless, in: Sandbox(), output: .pipe)
    var byte: UInt8 = 0
    #expect(read(command.outputEnd!, &byte, 1) == 1)
    close(command.outputEnd!)
    let outcome = command.outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
  func `a signal ends it with the shell's status, and leaves no file`(signal: Int32, status: Int32) {
    let sandbox = Sandbox()
    let command = Command(endless + ["--output", "t.csv"], in: sandbox)
    waitForWriting(command)
    kill(command.process, signal)
    let outcome = command.outcome()
    #expect(outcome.status == status)
    #expect(outcome.errors.isEmpty)
    #expect(sandbox.files.isEmpty)
  }

  @Test func `a signal leaves the old file whole`() {
    let sandbox = Sandbox()
    sandbox.write("t.csv", "old\n")
    let command = Command(endless + ["--output", "t.csv"], in: sandbox)
    waitForWriting(command)
    kill(command.process, SIGINT)
    #expect(command.outcome().status == 130)
    #expect(sandbox.files == ["t.csv"])
    #expect(sandbox.text("t.csv") == "old\n")
  }

  @Test func `a run that hangs in a write is ended by the signal as well`() {
    // Nobody reads the pipe, so that the process is stuck in a write and cannot look whether it was told to stop.
    let command = Command(endless, in: Sandbox(), output: .pipe)
    waitForWriting(command)
    kill(command.process, SIGINT)
    #expect(command.outcome().status == 130)
    close(command.outputEnd!)
  }

  @Test func `a signal that was ignored from the start stays ignored`() {
    let command = Command(endless, in: Sandbox(), output: .pipe, shell: "trap '' HUP")
    waitForWriting(command)
    kill(command.process, SIGHUP)
    kill(command.process, SIGTERM)
    #expect(command.outcome().status == 143)
    close(command.outputEnd!)
  }

  /// Signals are received from before the first byte on.
  private func waitForWriting(_ command: Command) {
    while let bytes = command.writtenBytes, bytes == 0 { usleep(200) }
  }
}
