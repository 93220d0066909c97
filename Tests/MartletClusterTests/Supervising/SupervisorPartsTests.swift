import Glibc
import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

/// What a supervisor keeps of its process.
@Suite struct SupervisorPartsTests {
  @Test func `the last lines are kept, cut, and without empty ones`() {
    var lines = LastLines()
    #expect(lines.lines == [])
    lines.append(Array("a\n\nb".utf8))
    lines.append(Array("c\nopen".utf8))
    #expect(lines.lines == ["a", "bc", "open"])
    lines.append(Array("\n".utf8))
    for number in 0..<1000 { lines.append(Array("line \(number)\n".utf8)) }
    #expect(lines.lines == (980..<1000).map { "line \($0)" })
    lines.append([UInt8](repeating: 120, count: 100_000))
    #expect(lines.lines.count == 20)
    #expect(lines.lines.last == String(repeating: "x", count: 300))
    lines.append([10, 0xFF, 10])
    #expect(lines.lines.last == "\u{FFFD}")
  }

  @Test func `the trace of a crash does not push its message out`() {
    var lines = LastLines()
    lines.append(Array("a.swift:3: Fatal error: Division by zero\nCurrent stack trace:\n".utf8))
    for number in 0..<40 { lines.append(Array("\(number)    libc.so.6      0x00007f name + \(number)\n".utf8)) }
    #expect(lines.lines == ["a.swift:3: Fatal error: Division by zero"])
    lines.append(Array("after\n5 0x1\n".utf8))
    #expect(lines.lines == ["a.swift:3: Fatal error: Division by zero", "after", "5 0x1"])
  }

  private func task(_ number: UInt32) -> RunningTask {
    RunningTask(
      digest: Digest128(low: UInt64(number), high: .max - UInt64(number)),
      task: TaskHandle(slot: .max - number, generation: number), run: RunID(rawValue: number))
  }

  @Test func `the page has the tasks that have begun and not ended`() throws {
    let page = try #require(RunningTasksPage())
    #expect(page.running() == nil)
    #expect(page.saidItLeaves == nil)
    let other = try #require(page.twin())
    #expect(page.running() == [])
    #expect(page.saidItLeaves == false)
    var places: [UInt32: Int] = [:]
    for number in 0..<UInt32(RunningTasksPage.slotCount) { places[number] = other.enter(task(number), hint: 77) }
    #expect(Set(places.values).count == RunningTasksPage.slotCount)
    #expect(Set(page.running() ?? []) == Set((0..<UInt32(RunningTasksPage.slotCount)).map(task)))
    // One too many, and nobody knows any more.
    let beyond = other.enter(task(9999), hint: -5)
    #expect(beyond < 0)
    #expect(page.running() == nil)
    other.leave(beyond)
    #expect(page.running()?.count == RunningTasksPage.slotCount)
    for number in places.keys where number != 300 { other.leave(places[number]!) }
    #expect(page.running() == [task(300)])
    #expect(page.registration == nil)
    other.registered(as: WorkerID(rawValue: 0), epoch: 5)
    #expect(page.registration?.worker == WorkerID(rawValue: 0))
    #expect(page.registration?.epoch == 5)
    other.leaving()
    #expect(page.saidItLeaves == true)
  }

  @Test func `the next process gets the report and an empty page`() throws {
    let page = try #require(RunningTasksPage())
    let other = try #require(page.twin())
    #expect(other.lastDeath() == nil)
    _ = other.enter(task(1), hint: 0)
    other.registered(as: WorkerID(rawValue: 4), epoch: 5)
    var report = DeathReport(
      cause: "signal 9", peakBytes: 77, lastLines: ["a", "ü"], worker: WorkerID(rawValue: 4), epoch: 5, tasks: [task(1)]
    )
    page.prepare(report)
    #expect(page.running() == nil)
    #expect(page.registration == nil)
    #expect(other.lastDeath() == report)
    // As many tasks as the page has room for, and lines that are too long for it.
    report.tasks = (0..<UInt32(RunningTasksPage.slotCount)).map(task)
    report.lastLines = [String](repeating: String(repeating: "ü", count: 300), count: 20)
    page.prepare(report)
    let read = try #require(other.lastDeath())
    #expect(read.tasks == report.tasks)
    page.prepare(nil)
    #expect(other.lastDeath() == nil)
  }

  @Test func `a process has its descriptors and no others`() async throws {
    try await asideAlone {
      let forgotten = dup(0)
      let given = fcntl(0, F_DUPFD_CLOEXEC, 3)
      defer { for descriptor in [forgotten, given] { close(descriptor) } }
      for (descriptor, expected) in [(forgotten, 1), (given, 0)] as [(Int32, Int32)] {
        let script = "[ -e /proc/$$/fd/\(descriptor) ] && [ -e /proc/$$/fd/0 ] && [ -e /proc/$$/fd/2 ]"
        var plan = ChildProcess.Plan(program: "/bin/sh", arguments: ["sh", "-c", script])
        plan.inherited = given
        var process = try ChildProcess(plan)
        #expect(process.wait(blocks: true) == .exited(expected))
      }
    }
  }

  @Test func `signals and statuses have their words`() {
    #expect(SupervisorCore.text(of: .exited(77)) == "exit status 77")
    #expect(SupervisorCore.text(of: .signalled(6)) == "signal 6 (ABRT)")
    #expect(SupervisorCore.text(of: .signalled(40)) == "signal 40")
  }
}
