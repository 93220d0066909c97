/// Rows of a fixed stride: the state of one group beside the other, so that a group is one or two cache lines.
///
/// Rows live in chunks of 4,096 that never move, so growth copies nothing; a row's number is its index in order of
/// arrival. Not thread safe; rows may be read by many threads once nobody appends.
final class RowStore {
  static let chunkShift = 12
  static let chunkMask = (1 << chunkShift) - 1

  /// Bytes from a row to the next.
  let stride: Int
  private let template: UnsafeMutableRawPointer
  private(set) var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private var chunkCapacity = 4
  private var chunkCount = 0
  private(set) var count = 0

  /// - Parameters:
  ///   - byteCount: The bytes that a row needs; the stride is this rounded up, to whole cache lines where that costs
  ///     little, so that few rows lie on two lines more than they must.
  ///   - prepare: Writes the row that every new row starts as; it is zero before.
  init(byteCount: Int, prepare: (UnsafeMutableRawPointer) -> Void) {
    let rounded = (max(byteCount, 8) + 7) & ~7
    let lines = (rounded + 63) & ~63
    stride = lines - rounded <= 8 ? lines : rounded
    template = .allocate(byteCount: stride, alignment: 64)
    template.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
    prepare(template)
    chunks = .allocate(capacity: chunkCapacity)
  }

  deinit {
    for chunk in 0..<chunkCount { chunks[chunk].deallocate() }
    chunks.deallocate()
    template.deallocate()
  }

  /// The bytes of rows that hold something.
  var residentBytes: Int { count &* stride }

  @inline(__always)
  var view: RowView { RowView(chunks: chunks, stride: stride) }

  /// A new row, equal to the template.
  @inline(__always)
  func append() -> Int {
    let row = count
    if row &>> Self.chunkShift == chunkCount { addChunk() }
    count = row &+ 1
    let address = chunks[row &>> Self.chunkShift] + (row & Self.chunkMask) &* stride
    address.copyMemory(from: template, byteCount: stride)
    return row
  }

  private func addChunk() {
    if chunkCount == chunkCapacity {
      let larger = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: chunkCapacity * 2)
      larger.moveInitialize(from: chunks, count: chunkCount)
      chunks.deallocate()
      chunks = larger
      chunkCapacity *= 2
    }
    (chunks + chunkCount).initialize(to: .allocate(byteCount: stride << Self.chunkShift, alignment: 64))
    chunkCount += 1
  }
}

/// Where rows lie: a copy for hot loops, valid until the next row is appended.
struct RowView {
  let chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
  let stride: Int

  @inline(__always)
  func address(_ row: Int) -> UnsafeMutableRawPointer {
    chunks[row &>> RowStore.chunkShift] + (row & RowStore.chunkMask) &* stride
  }

  @inline(__always)
  func address(_ row: UInt32) -> UnsafeMutableRawPointer { address(Int(truncatingIfNeeded: row)) }
}
