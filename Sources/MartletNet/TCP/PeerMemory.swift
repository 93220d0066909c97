import Glibc
import MartletSystem

/// A payload in the memory of the process at the other end of a connection inside of this machine, which offers it for reading.
///
/// What it says comes from the other side: addresses may be wrong, never more is read than there is room for, and nobody but the
/// process that the kernel names is read from.
package struct PeerMemory: Equatable, Sendable {
  /// A piece of the payload.
  package struct Piece: Equatable, Sendable {
    package var address: UInt64
    package var count: Int

    package init(address: UInt64, count: Int) {
      self.address = address
      self.count = count
    }
  }

  /// Bytes of a token.
  package static let tokenBytes = 16

  /// Where the token lies: see `Connection.memoryToken`.
  package var tokenAddress: UInt64
  /// Bytes that lie there in the process that offers the payload, and in no other.
  package var token: [UInt8]
  /// Its pieces, in their order.
  package var pieces: [Piece]

  package init(tokenAddress: UInt64, token: [UInt8], pieces: [Piece]) {
    self.tokenAddress = tokenAddress
    self.token = token
    self.pieces = pieces
  }

  /// Random bytes in memory of their own.
  static func makeToken() -> UnsafeMutableRawBufferPointer {
    let made = UnsafeMutableRawBufferPointer.allocate(byteCount: tokenBytes, alignment: 8)
    var random = SystemRandomNumberGenerator()
    for place in made.indices { made[place] = .random(in: 0...255, using: &random) }
    return made
  }
}

/// How far a payload was read from the memory of the other side.
struct MemoryInput: ~Copyable {
  /// Bytes that one call reads: short enough for others to get their turn, long enough for calls not to count.
  static let sliceBytes = 1 << 20

  let memory: PeerMemory
  /// Where the payload goes.
  var rooms: DirectInput
  /// The piece that is being read, and how far.
  private var piece = 0
  private var place = 0
  /// Nothing further is read: it failed, or the other side hung up.
  var hasFailed = false

  init(_ memory: PeerMemory, _ rooms: [UnsafeMutableRawBufferPointer]) {
    self.memory = memory
    self.rooms = DirectInput(rooms)
  }

  /// Fills both vectors with the next slice, at most `capacity` parts each; how many of each, and the bytes, of both the same.
  func gather(
    local: UnsafeMutablePointer<iovec>, remote: UnsafeMutablePointer<iovec>, capacity: Int
  ) -> (local: Int, remote: Int, bytes: Int) {
    var remotes = 0
    var bytes = 0
    while remotes < capacity, bytes < MemoryInput.sliceBytes, piece + remotes < memory.pieces.count {
      let next = memory.pieces[piece + remotes]
      let start = remotes == 0 ? place : 0
      let count = min(next.count - start, MemoryInput.sliceBytes - bytes)
      let address = UInt(truncatingIfNeeded: next.address) &+ UInt(start)
      remote[remotes] = iovec(iov_base: UnsafeMutableRawPointer(bitPattern: address), iov_len: count)
      bytes += count
      remotes += 1
    }
    var (locals, room) = rooms.gather(into: local, capacity: capacity)
    // What is longer is cut.
    bytes = min(bytes, room)
    MemoryInput.cut(remote, &remotes, to: bytes)
    MemoryInput.cut(local, &locals, to: bytes)
    room = bytes
    return (locals, remotes, room)
  }

  private static func cut(_ vector: UnsafeMutablePointer<iovec>, _ count: inout Int, to bytes: Int) {
    var rest = bytes
    var kept = 0
    while kept < count, rest > 0 {
      vector[kept].iov_len = min(vector[kept].iov_len, rest)
      rest -= vector[kept].iov_len
      kept += 1
    }
    count = kept
  }

  /// `added` bytes of what `gather` gave are there.
  mutating func advance(_ added: Int) {
    rooms.advance(added)
    var left = added
    while left > 0 {
      let count = min(left, memory.pieces[piece].count - place)
      left -= count
      place += count
      if place == memory.pieces[piece].count {
        piece += 1
        place = 0
      }
    }
  }

  /// The rooms, as far as they are not full.
  consuming func restOfRooms() -> DirectInput { rooms }
}
