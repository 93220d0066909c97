import MartletBytes
import MartletGraph
import MartletTable

/// Which bytes of the input come with a task, for workers that have no file to read: blocks that follow each other, from some
/// bytes before the partition to a block behind it, so that its last record is whole.
struct SentRange: Hashable, Sendable {
  /// Where the first block begins.
  let start: Int
  let blockCount: Int
  /// Where the input ends, if that is known.
  let totalBytes: Int?

  /// The numbers of the blocks that a partition needs.
  static func blocks(of range: Range<Int>, blockBytes: Int) -> Range<Int> {
    // Where a record begins is guessed from up to 64 bytes before.
    let first = max(0, range.lowerBound - 64) / blockBytes
    return first..<max(first, (range.upperBound - 1) / blockBytes) + 2
  }
}

extension SentRange: PortableValue {
  static var leastBytes: Int { 3 }

  func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(start))
    writer.write(varint: UInt64(blockCount))
    totalBytes.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let start = try ChainEnd.readOffset(&reader)
    let blockCount = try ChainEnd.readOffset(&reader)
    let place = reader.offset
    let total = try Int?(from: &reader)
    if let total, total < 0 { throw ByteError(offset: place, "an input of \(total) bytes") }
    self.init(start: start, blockCount: blockCount, totalBytes: total)
  }
}

/// The blocks that came with a task, as the part of the input that they are.
final class SentSource: ByteSource {
  let name: String
  let byteCount: Int?
  private let start: Int
  private let blocks: [[UInt8]]
  /// Where each block begins, and where the last one ends.
  private let offsets: [Int]

  /// - Throws: `TaskInputError` where an input is no block.
  init(name: String, _ range: SentRange, _ inputs: borrowing TaskInputs, from first: Int) throws {
    self.name = name
    byteCount = range.totalBytes
    start = range.start
    var blocks: [[UInt8]] = []
    var offsets = [range.start]
    for index in first..<first + range.blockCount {
      let block: [UInt8] = try inputs.value(index)
      blocks.append(block)
      offsets.append(offsets[offsets.count - 1] + block.count)
    }
    self.blocks = blocks
    self.offsets = offsets
  }

  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    if let byteCount, offset >= byteCount { return 0 }
    guard buffer.count > 0 else { return 0 }
    guard offset >= start, offset < offsets[blocks.count] else { throw Self.missing(name, offset) }
    var block = 0
    while offsets[block + 1] <= offset { block += 1 }
    let from = offset - offsets[block]
    let count = min(buffer.count, blocks[block].count - from)
    blocks[block].withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + count]))
    }
    return count
  }

  private static func missing(_ name: String, _ offset: Int) -> TableError {
    TableError(
      .unreadable, file: name, "a record goes on beyond byte \(offset), further than the bytes that were sent with it",
      remedy: "put the file where all workers see it, and leave --send-data out")
  }
}

/// Takes blocks out of files, and puts them into a graph: each once.
struct BlockNodes {
  private struct Place: Hashable {
    let file: Int
    let block: Int
  }

  let blockBytes: Int
  private var nodes: [Place: Node<[UInt8]>] = [:]

  init(blockBytes: Int) { self.blockBytes = blockBytes }

  /// The blocks of a partition as constants of the graph, and which they are.
  mutating func blocks(
    of range: Range<Int>, file: Int, _ source: any ByteSource, _ builder: inout GraphBuilder
  ) throws(TableError) -> (sent: SentRange, nodes: [AnyNode]) {
    let numbers = SentRange.blocks(of: range, blockBytes: blockBytes)
    var found: [AnyNode] = []
    for number in numbers {
      let place = Place(file: file, block: number)
      if nodes[place] == nil { nodes[place] = builder.literal(try read(number, source), label: "block") }
      found.append(nodes[place]!.erased)
    }
    // Whether the input ends here is asked before anybody takes its end for one.
    var probe: UInt8 = 0
    var failure: TableError?
    withUnsafeMutableBytes(of: &probe) { probe in
      do throws(TableError) {
        _ = try source.read(at: numbers.upperBound * blockBytes, into: probe)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    let sent = SentRange(
      start: numbers.lowerBound * blockBytes, blockCount: numbers.count, totalBytes: source.byteCount)
    return (sent, found)
  }

  /// A block; a shorter one at the end of the input, an empty one behind it.
  private func read(_ number: Int, _ source: any ByteSource) throws(TableError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: blockBytes)
    var filled = 0
    while filled < blockBytes {
      var failure: TableError?
      var got = 0
      bytes.withUnsafeMutableBytes { buffer in
        do throws(TableError) {
          got = try source.read(
            at: number * blockBytes + filled, into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
      if got == 0 { break }
      filled += got
    }
    bytes.removeSubrange(filled...)
    return bytes
  }
}
