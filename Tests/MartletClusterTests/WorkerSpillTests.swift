import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletWorker
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

extension ClusterTests {
  @Suite struct WorkerSpillTests {
    /// Lists of 400 kB, of which a worker of four megabytes may keep six in memory.
    private func lists(_ cluster: TestCluster, _ count: Int = 12) throws -> (GraphClient.Sent, [[UInt64]]) {
      var builder = GraphBuilder()
      let nodes = (0..<count).map { builder.call(Numbers(count: 50_000, seed: UInt64($0))) }
      let sent = try cluster.client.submit(builder.build(), nodes.map(\.id))
      #expect(cluster.client.wait(sent))
      return (sent, (0..<count).map { Numbers.list(50_000, UInt64($0)) })
    }

    /// The whole process of the tests counts otherwise.
    private func limit(_ settings: inout WorkerServerSettings) {
      settings.memoryLimit = 4_000_000
      settings.measuresProcess = false
    }

    private func mixes(_ cluster: TestCluster, _ lists: [[UInt64]]) throws {
      var builder = GraphBuilder()
      let count = lists.count
      let nodes = (0..<count).map { builder.call(Numbers(count: 50_000, seed: UInt64($0))) }
      var pairs: [Node<UInt64>] = []
      var expected: [UInt64] = []
      for first in 0..<count {
        for second in [(first + 4) % count, (first + 5) % count] {
          pairs.append(builder.call(Mix(), on: [nodes[first], nodes[second]]))
          expected.append(Mix.of([lists[first], lists[second]]))
        }
      }
      let sent = try cluster.client.submit(builder.build(), pairs.map(\.id))
      #expect(cluster.client.wait(sent))
      for place in pairs.indices {
        #expect(try cluster.client.value(sent, place, as: UInt64.self) == expected[place], "pair \(place)")
      }
    }

    @Test func `what has no room is spilled, served from its file, and read back when it is needed`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a", limit)
        let (sent, expected) = try lists(cluster)
        #expect(eventually { worker.inspect { $0.core.metrics.resultBytes } ?? .max <= 2_400_000 })
        #expect(worker.inspect { $0.core.metrics.spilledBytes } ?? 0 >= 6 * 400_000)
        for place in expected.indices {
          #expect(try cluster.client.value(sent, place, as: [UInt64].self) == expected[place], "list \(place)")
        }
        try mixes(cluster, expected)
        #expect(worker.inspect { $0.counters.loadedValues } ?? 0 > 0)
        #expect(cluster.brokenInvariant == "")
        cluster.client.say(ClientToScheduler.goodbye)
        #expect(eventually { cluster.isEmpty })
      }
    }

    @Test func `a worker whose disk is full keeps its results in memory, and says so once`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a") {
          limit(&$0)
          $0.core.diskLimit = 1
          $0.core.spillRetryNanoseconds = 20_000_000
        }
        // More than is to be spilled, less than what stops the worker.
        let (sent, expected) = try lists(cluster, 7)
        try mixes(cluster, expected)
        for place in expected.indices {
          #expect(try cluster.client.value(sent, place, as: [UInt64].self) == expected[place], "list \(place)")
        }
        #expect(worker.inspect { $0.core.metrics.spilledBytes } == 0)
        #expect(worker.lines.with { $0.count { $0.contains("results stay in memory, they cannot be spilled") } } == 1)
      }
    }

    @Test func `a file that was damaged is computed anew`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a", limit)
        let (_, expected) = try lists(cluster)
        #expect(eventually { worker.inspect { $0.core.metrics.resultBytes } ?? .max <= 2_400_000 })
        let directory = try #require(worker.inspect { $0.files?.directory.path ?? "" })
        var damaged = 0
        for number in 1...12 {
          guard let file = fopen("\(directory)/\(number)", "r+") else { continue }
          fseek(file, 1000, SEEK_SET)
          fputs("damage", file)
          fclose(file)
          damaged += 1
        }
        #expect(damaged >= 6)
        try mixes(cluster, expected)
        #expect(worker.hasLine("cannot be read back"))
        #expect(worker.hasLine("the checksum is wrong"))
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `a value is spilled and read back without a second copy, and sent without any`() async throws {
      try await asideAlone {
        let directory = "/tmp/martlet-test-file-\(getpid())"
        mkdir(directory, 0o700)
        defer { rmdir(directory) }
        let type = PortableValueTypeOf<Survey>()
        var slot = Slot()
        slot.fill(Survey(2_000_000))
        defer { slot.clear() }
        let path = directory + "/1"
        defer { unlink(path) }
        let writing = HeapWatch()
        let written = try type.writtenBytes(of: slot)
        #expect(written.byteCount > 26_000_000)
        let length = try SpillFile.write(written, to: path)
        // The dictionary has no order, so its parts are put in one: a copy of one of the arrays.
        #expect(writing.end() < 24 << 20)
        var status = stat()
        #expect(stat(path, &status) == 0 && Int64(status.st_size) == length)
        let checking = HeapWatch()
        let file = try SpillFile(path)
        try file.check()
        #expect(checking.end() < 2 << 20)
        #expect(file.byteCount == written.byteCount)
        let reading = HeapWatch()
        let landed = try file.read()
        #expect(reading.end() < written.byteCount + 2 << 20)
        #expect(landed.bytes == written.bytes)
        var read = try type.slot(of: landed)
        defer { read.clear() }
        #expect(read.value(as: Survey.self) == Survey(2_000_000))
      }
    }

    @Test func `a file that was changed anywhere is not read`() throws {
      let path = "/tmp/martlet-test-damage-\(getpid())"
      defer { unlink(path) }
      var slot = Slot()
      slot.fill(Survey(20_000))
      defer { slot.clear() }
      let written = try PortableValueTypeOf<Survey>().writtenBytes(of: slot)
      let length = try SpillFile.write(written, to: path)
      let whole = contents(path)
      #expect(whole.count == Int(length))
      #expect(try SpillFile(path).read().bytes == written.bytes)
      func isRefused(_ bytes: [UInt8]) -> Bool {
        let file = open(path, O_WRONLY | O_TRUNC)
        var at = 0
        while at < bytes.count { at += bytes.withUnsafeBytes { write(file, $0.baseAddress! + at, bytes.count - at) } }
        close(file)
        do throws(SpillFiles.Failure) {
          _ = try SpillFile(path).read()
          return false
        } catch {
          return error.description.contains("is damaged")
        }
      }
      var random = SeededGenerator(seed: 8)
      for round in 0..<200 {
        var damaged = whole
        // The head and the segments most of all.
        let place = random.below(round < 120 ? 60 : whole.count)
        damaged[place] ^= 1 << UInt8(random.below(8))
        #expect(isRefused(damaged), "byte \(place)")
      }
      for count in [0, 1, 31, 32, 33, 40, whole.count - 1] { #expect(isRefused(Array(whole[..<count])), "\(count)") }
      #expect(isRefused(whole + [0]))
      #expect(!isRefused(whole))
    }

    @Test func `the checksum is the same in any pieces`() {
      var random = SeededGenerator(seed: 5)
      for length in Array(0..<100) + [1000, 4096, 10_000] {
        let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let whole = bytes.withUnsafeBytes { SpillChecksum.of($0) }
        for _ in 0..<5 {
          var sum = SpillChecksum()
          var at = 0
          while at < length {
            let count = min(length - at, random.below(random.chance(50) ? 8 : 200))
            bytes[at..<(at + count)].withUnsafeBytes { sum.add($0) }
            at += count
          }
          #expect(sum.value == whole, "length \(length)")
        }
      }
    }

    @Test func `directories of dead workers are removed by the next one, those of living ones stay`() throws {
      let parent = "/tmp/martlet-test-stale-\(getpid())"
      defer { rmdir(parent) }
      let living = try SpillDirectory(in: parent)
      // One that a killed process left: nobody holds its lock.
      let dead = "\(parent)/martlet-worker-1-dead"
      mkdir(dead, 0o700)
      for path in ["\(dead).lock", "\(dead)/7"] { close(open(path, O_CREAT | O_WRONLY, 0o600)) }
      let other = try SpillDirectory(in: parent)
      var status = stat()
      #expect(stat(dead, &status) != 0)
      #expect(stat("\(dead).lock", &status) != 0)
      #expect(stat(living.path, &status) == 0)
      living.remove()
      other.remove()
      #expect(stat(living.path, &status) != 0)
    }

    private func contents(_ path: String) -> [UInt8] {
      let file = open(path, O_RDONLY)
      defer { close(file) }
      var bytes: [UInt8] = []
      var block = [UInt8](repeating: 0, count: 65_536)
      while true {
        let got = read(file, &block, block.count)
        if got <= 0 { return bytes }
        bytes.append(contentsOf: block[..<got])
      }
    }

    @Test func `the checksum is XXH64`() {
      func sum(_ text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { SpillChecksum.of($0) } }
      // From the algorithm's own tests.
      #expect(sum("") == 0xEF46_DB37_51D8_E999)
      #expect(sum("a") == 0xD24E_C4F1_A98C_6E5B)
      #expect(sum("abc") == 0x44BC_2CF5_AD77_0999)
      #expect(sum("Nobody inspects the spammish repetition") == 0xFBCE_A83C_8A37_8BF1)
    }
  }
}
