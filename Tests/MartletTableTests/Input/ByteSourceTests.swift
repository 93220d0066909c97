import TestSupport
import Testing

@testable import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ByteSourceTests {
  private var bytes: [UInt8] { Self.bytes }
  private static let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

  private func message(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func `memory is read from any offset`() throws {
    let source = MemorySource(Array(bytes[..<1000]))
    #expect(source.byteCount == 1000)
    for offset in [0, 1, 500, 999, 1000, 1001, 5000] {
      #expect(try source.everything(from: offset, step: 64) == Array(bytes[min(offset, 1000)..<1000]))
    }
  }

  @Test func `a file is read from any offset`() throws {
    let file = TemporaryFile(bytes)
    let source = try FileSource(path: file.path)
    #expect(source.byteCount == bytes.count)
    for offset in [0, 1, 999_999, 1_000_000, 2_000_000] {
      #expect(try source.everything(from: offset) == Array(bytes[min(offset, bytes.count)...]))
    }
  }

  @Test func `a file that is missing, a directory or no file is refused by name`() {
    #expect(
      message { _ = try openSource(path: "/tmp/no/such.csv") } == "/tmp/no/such.csv: no such file (check the path)")
    #expect(
      message { _ = try openSource(path: "/tmp") }
        == "/tmp: is a directory (name its files, for instance '/tmp/*.csv')")
    #expect(message { _ = try FileSource(path: "/dev/null") }?.contains("is no regular file") == true)
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `a file without permission is refused by name`() {
    let file = TemporaryFile([1])
    chmod(file.path, 0)
    #expect(message { _ = try openSource(path: file.path) }?.contains("no permission to read it") == true)
  }

  @Test func `a file that shrinks, grows or changes while it is read is an error`() throws {
    for (change, word) in [
      ({ (file: TemporaryFile) in file.shorten(to: 10) }, "shrank from 1000000 to 10 bytes"),
      ({ (file: TemporaryFile) in file.shorten(to: 0) }, "shrank from 1000000 to 0 bytes"),
      ({ (file: TemporaryFile) in file.shorten(to: 1_000_001) }, "grew from 1000000 to 1000001 bytes"),
      (
        { (file: TemporaryFile) in
          let times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
          utimensat(AT_FDCWD, file.path, times, 0)
        }, "changed while it was read"
      ),
    ] {
      let file = TemporaryFile(bytes)
      let source = try FileSource(path: file.path)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 64)
      defer { buffer.deallocate() }
      _ = try source.read(at: 0, into: buffer)
      change(file)
      #expect(message { _ = try source.everything(from: 100) }?.contains(word) == true)
    }
  }

  @Test func `a file that shrinks fails its reader with one clear error`() throws {
    let file = TemporaryFile(Array("a,b\n".utf8) + Array(repeating: Array("1,2\n".utf8), count: 100_000).joined())
    let source = try FileSource(path: file.path)
    let reader = RecordReader(
      source: source, dialect: CSVDialect(), columnCount: 2, range: 4..<400_004, start: .known, blockBytes: 4096)
    #expect(try reader.next() != nil)
    file.shorten(to: 1000)
    #expect(message { while try reader.next() != nil {} }?.contains("shrank from 400004 to 1000 bytes") == true)
  }

  @Test(arguments: [1, 1 << 18, 1 << 19, 1 << 24])
  func `a pipe can be read again from any offset`(_ memoryBytes: Int) throws {
    let file = TemporaryFile(bytes)
    let source = PipeSource(
      descriptor: open(file.path, O_RDONLY), memoryBytes: memoryBytes, closesDescriptor: true)
    #expect(source.byteCount == nil)
    #expect(try source.everything(from: 700_000) == Array(bytes[700_000...]))
    #expect(source.byteCount == bytes.count)
    for offset in [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 999_999, 1_000_000, 2_000_000] {
      #expect(try source.everything(from: offset, step: 10_000) == Array(bytes[min(offset, bytes.count)...]))
    }
  }

  @Test(arguments: [1, 1 << 18, 1 << 24])
  func `a pipe forgets what was released, but not its lines`(_ memoryBytes: Int) throws {
    let all = (0..<100_000).flatMap { Array("line \($0)\($0 % 3 == 0 ? "\r\n" : "\n")".utf8) }
    let file = TemporaryFile(all)
    let source = PipeSource(descriptor: open(file.path, O_RDONLY), memoryBytes: memoryBytes, closesDescriptor: true)
    let twin = MemorySource(all)
    // Nothing is there to be released yet.
    source.release(before: 10)
    #expect(source.released.count == 0)
    _ = try source.everything(from: all.count - 1)
    let spooled = source.spooledBytes
    #expect((spooled > 0) == (memoryBytes < all.count))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10, alignment: 64)
    defer { buffer.deallocate() }
    for offset in [1, 100_000, 99_000, 300_001, 300_002, 300_003, 300_004, 800_000] {
      source.release(before: offset)
      let released = source.released.count
      #expect(released >= offset)
      #expect(try source.everything(from: released) == Array(all[released...]))
      #expect(message { _ = try source.read(at: released - 1, into: buffer) }?.contains("cannot read it") == true)
      for place in [released, released + 1, released + 2, 900_000, all.count] {
        #expect(try lineNumber(of: place, in: source) == lineNumber(of: place, in: twin), "\(released), \(place)")
      }
    }
    // File systems that cannot free a part of a file keep it.
    #expect(source.spooledBytes <= spooled)
    source.release(before: all.count)
    #expect(source.released.count == all.count)
  }

  @Test func `an endless pipe is read only as far as somebody asks`() throws {
    let source = PipeSource(descriptor: open("/dev/zero", O_RDONLY), closesDescriptor: true)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 64)
    defer { buffer.deallocate() }
    #expect(try source.read(at: 0, into: buffer) == 1000)
    #expect(source.byteCount == nil)
    var dialect = CSVDialect()
    dialect.delimiter = [0]
    dialect.ragged = .pad
    let zeros = PipeSource(descriptor: open("/dev/zero", O_RDONLY), closesDescriptor: true)
    let reader = RecordReader(
      source: zeros, dialect: dialect, columnCount: 1, range: 0..<Int.max, start: .known, recordLimit: 1 << 20)
    #expect(message { _ = try reader.next() }?.contains("longer than 1048576 bytes") == true)
  }

  @Test func `what is in a pipe is given without waiting for more`() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[1]) }
    let source = PipeSource(descriptor: ends[0], closesDescriptor: true)
    write(ends[1], "a,b\n1,2\n3", 9)
    let header = try CSVHeader.read(source, CSVDialect())
    #expect(header.names == ["a", "b"])
    let reader = RecordReader(
      source: source, dialect: CSVDialect(), columnCount: 2, range: header.bodyOffset..<Int.max, start: .known)
    #expect(try reader.next()?.count == 1)
    write(ends[1], ",4\n5,6\n", 7)
    #expect(try reader.next()?.count == 2)
  }

  @Test func `a pipe gives the same records as the file, in partitions too`() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<20 {
      let table = RandomTable(&random)
      let file = TemporaryFile(table.bytes)
      let model = CSVModel(table.bytes, from: 0, columnCount: table.columns, table.dialect)
      let source = PipeSource(descriptor: open(file.path, O_RDONLY), closesDescriptor: true)
      let cuts = Array(stride(from: 40, to: table.bytes.count + 100, by: 40))
      let read = PartitionedRead(source, table.dialect, columnCount: table.columns, from: 0, cuts: cuts)
      #expect(read.records == model.records)
      #expect((read.error == nil) == (model.failure == nil))
    }
  }

  @Test func `no room for what a pipe holds is an error that names the directory`() throws {
    let file = TemporaryFile(bytes)
    let source = PipeSource(
      descriptor: open(file.path, O_RDONLY), memoryBytes: 1, spoolDirectory: "/tmp/no/such", closesDescriptor: true)
    #expect(message { _ = try source.everything() }?.contains("cannot keep the input in /tmp/no/such") == true)
  }

  @Test func `a named pipe is opened as one`() throws {
    let file = TemporaryFile([])
    unlink(file.path)
    #expect(mkfifo(file.path, 0o600) == 0)
    // Opening for both ends does not wait for a writer.
    let writer = open(file.path, O_RDWR)
    write(writer, "a\n1\n", 4)
    let source = try openSource(path: file.path)
    close(writer)
    #expect(source is PipeSource)
    #expect(try source.everything() == Array("a\n1\n".utf8))
  }
}
