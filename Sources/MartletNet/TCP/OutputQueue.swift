import Glibc
import MartletSystem

/// Bytes on their way out, in order: chunks of small messages that were copied, large payloads that lie elsewhere, and
/// ranges of files. No system call in it.
///
/// A payload may be *offered*: the other side reads it where it lies. It holds up what is behind it until it is known what became
/// of it, as it would if it was sent.
struct OutputQueue: ~Copyable {
  /// Segments that one system call sends at most.
  static let vectorCapacity = 64

  /// Keeps a payload alive until it was sent or dropped.
  final class Holder {
    let owner: AnyObject?
    let released: ((Bool) -> Void)?
    init(owner: AnyObject?, released: ((Bool) -> Void)?) {
      self.owner = owner
      self.released = released
    }
  }

  private enum Kind { case chunk, payload, file, offered }

  private struct Segment {
    var kind: Kind
    /// Of a file, -1 otherwise.
    var file: Int32 = -1
    /// The memory; nil for a file.
    var base: UnsafeMutableRawPointer?
    /// The next byte to send and the end, counted from `base` or from the beginning of the file.
    var start: Int
    var end: Int
    var holder: Holder?
  }

  /// A file range at the head of the queue.
  struct FilePart {
    let file: Int32
    let offset: Int
    let count: Int
  }

  private let pool: ChunkPool
  /// A ring: segment `i` of the queue lies at `(head + i) & mask`.
  private var ring: UnsafeMutablePointer<Segment>
  private var mask = 7
  private var head = 0
  /// Segments in the queue.
  private(set) var segmentCount = 0
  /// Bytes in the queue, wherever they lie.
  private(set) var bytes = 0
  /// Bytes in chunks, thus memory that the queue itself holds.
  private(set) var copiedBytes = 0
  /// Segments that are offered.
  private var offeredCount = 0

  init(pool: ChunkPool) {
    self.pool = pool
    ring = .allocate(capacity: 8)
  }

  deinit {
    for index in 0..<segmentCount {
      let place = ring + ((head + index) & mask)
      if place.pointee.kind == .chunk { place.pointee.base?.deallocate() }
      place.deinitialize(count: 1)
    }
    ring.deallocate()
  }

  var isEmpty: Bool { segmentCount == 0 }

  /// Copies `source` behind what is there.
  mutating func append(copying source: UnsafeRawBufferPointer) {
    var rest = source.count
    guard rest > 0, var from = source.baseAddress else { return }
    bytes &+= rest
    copiedBytes &+= rest
    while true {
      if segmentCount > 0 {
        let last = ring + ((head &+ segmentCount &- 1) & mask)
        if last.pointee.kind == .chunk {
          let end = last.pointee.end
          let count = min(rest, pool.chunkBytes &- end)
          (last.pointee.base.unsafelyUnwrapped + end).copyMemory(from: from, byteCount: count)
          last.pointee.end = end &+ count
          rest &-= count
          if rest == 0 { return }
          from += count
        }
      }
      push(Segment(kind: .chunk, base: pool.take(), start: 0, end: 0, holder: nil))
    }
  }

  /// Queues `payload` where it lies; `holder` is dropped when it was sent.
  mutating func append(referencing payload: UnsafeRawBufferPointer, holder: Holder) {
    bytes &+= payload.count
    push(
      Segment(
        kind: .payload, base: UnsafeMutableRawPointer(mutating: payload.baseAddress), start: 0, end: payload.count,
        holder: holder))
  }

  /// Queues a range of a file.
  mutating func append(file: Int32, offset: Int, count: Int, holder: Holder) {
    bytes &+= count
    push(Segment(kind: .file, file: file, base: nil, start: offset, end: offset + count, holder: holder))
  }

  /// Queues `payload` as offered; pieces that follow each other are one offer.
  mutating func append(offering payload: UnsafeRawBufferPointer, holder: Holder) {
    bytes &+= payload.count
    offeredCount += 1
    push(
      Segment(
        kind: .offered, base: UnsafeMutableRawPointer(mutating: payload.baseAddress), start: 0, end: payload.count,
        holder: holder))
  }

  /// Whether nothing can be sent before it is known what became of an offer.
  var isHeldUp: Bool { offeredCount > 0 && segment(0).kind == .offered }

  /// Whether there is something that can be sent.
  var canSend: Bool { segmentCount > 0 && !isHeldUp }

  /// Bytes of the offer at the head, 0 where there is none.
  var offeredBytes: Int {
    var bytes = 0
    if isHeldUp { for place in 0..<offeredPieces { bytes += segment(place).end - segment(place).start } }
    return bytes
  }

  /// Bytes that nothing holds up.
  var freeBytes: Int {
    if offeredCount == 0 { return bytes }
    var free = 0
    for place in 0..<firstOffered { free += segment(place).end - segment(place).start }
    return free
  }

  /// The offer at the head is an ordinary payload from now on, behind a copy of `prefix`.
  mutating func sendOffered(behind prefix: UnsafeRawBufferPointer) {
    let pieces = offeredPieces
    let first = insert(copying: prefix)
    for place in first..<(first + pieces) { (ring + ((head &+ place) & mask)).pointee.kind = .payload }
    offeredCount -= pieces
  }

  /// Copies `source` in front of the first offer, whose place is returned; behind everything where there is none.
  @discardableResult
  mutating func insert(copying source: UnsafeRawBufferPointer) -> Int {
    if offeredCount == 0 {
      append(copying: source)
      return segmentCount
    }
    var place = firstOffered
    var rest = source
    while !rest.isEmpty {
      let count = min(rest.count, pool.chunkBytes)
      let chunk = pool.take()
      chunk.copyMemory(from: rest.baseAddress.unsafelyUnwrapped, byteCount: count)
      bytes &+= count
      copiedBytes &+= count
      push(Segment(kind: .chunk, base: chunk, start: 0, end: count, holder: nil))
      // From the end to its place: few are behind an offer, and this is rare.
      for index in stride(from: segmentCount - 1, to: place, by: -1) {
        let (here, before) = (ring + ((head &+ index) & mask), ring + ((head &+ index &- 1) & mask))
        let moved = here.move()
        here.moveInitialize(from: before, count: 1)
        before.initialize(to: moved)
      }
      place += 1
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return place
  }

  private func segment(_ place: Int) -> Segment { (ring + ((head &+ place) & mask)).pointee }

  /// The place of the first piece of the first offer, which exists.
  private var firstOffered: Int {
    var place = 0
    while segment(place).kind != .offered { place += 1 }
    return place
  }

  /// Pieces of the offer at the head.
  private var offeredPieces: Int {
    var pieces = 0
    while pieces < segmentCount, segment(pieces).kind == .offered { pieces += 1 }
    return pieces
  }

  /// The file range at the head, if it is one.
  var filePart: FilePart? {
    guard segmentCount > 0 else { return nil }
    let first = ring + (head & mask)
    guard first.pointee.kind == .file else { return nil }
    return FilePart(
      file: first.pointee.file, offset: first.pointee.start, count: first.pointee.end - first.pointee.start)
  }

  /// Fills `vector` with the memory at the head, up to `vectorCapacity` segments, the next file or the next offer.
  /// `more` says that a file follows.
  func gather(into vector: UnsafeMutablePointer<iovec>) -> (count: Int, bytes: Int, more: Bool) {
    var count = 0
    var total = 0
    while count < segmentCount, count < OutputQueue.vectorCapacity {
      let segment = ring + ((head &+ count) & mask)
      guard let base = segment.pointee.base else { return (count, total, true) }
      if segment.pointee.kind == .offered { break }
      let length = segment.pointee.end &- segment.pointee.start
      vector[count] = iovec(iov_base: base + segment.pointee.start, iov_len: length)
      total &+= length
      count &+= 1
    }
    return (count, total, false)
  }

  /// Takes `count` bytes that were sent, or read where they lie, from the head. Holders of payloads that are through are added to `released`.
  mutating func advance(_ count: Int, released: inout [Holder]) {
    var rest = count
    bytes &-= count
    while rest > 0 {
      let first = ring + (head & mask)
      let length = first.pointee.end &- first.pointee.start
      let taken = min(rest, length)
      if first.pointee.kind == .chunk { copiedBytes &-= taken }
      first.pointee.start &+= taken
      rest &-= taken
      if taken == length { popFirst(&released) }
    }
  }

  /// Drops everything; the holders are added to `dropped`.
  mutating func removeAll(dropped: inout [Holder]) {
    while segmentCount > 0 { popFirst(&dropped) }
    bytes = 0
    copiedBytes = 0
  }

  private mutating func popFirst(_ released: inout [Holder]) {
    let segment = (ring + (head & mask)).move()
    head &+= 1
    segmentCount &-= 1
    if segment.kind == .chunk, let base = segment.base { pool.give(base) }
    if segment.kind == .offered { offeredCount -= 1 }
    if let holder = segment.holder { released.append(holder) }
  }

  private mutating func push(_ segment: Segment) {
    if segmentCount > mask { grow() }
    (ring + ((head &+ segmentCount) & mask)).initialize(to: segment)
    segmentCount &+= 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Segment>.allocate(capacity: 2 * (mask + 1))
    for index in 0..<segmentCount { (larger + index).moveInitialize(from: ring + ((head + index) & mask), count: 1) }
    ring.deallocate()
    ring = larger
    mask = 2 * mask + 1
    head = 0
  }
}
