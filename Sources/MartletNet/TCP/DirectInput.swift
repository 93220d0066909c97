import Glibc
import MartletSystem

/// Memory that a payload goes to, in one piece or several, as far as it is not full.
struct DirectInput: ~Copyable {
  private let rooms: [UnsafeMutableRawBufferPointer]
  /// The room that is being filled, and how far.
  private var room = 0
  private var place = 0
  /// Bytes that are there, of all that come.
  private(set) var filled = 0
  let count: Int

  /// - Parameter rooms: None of them empty.
  init(_ rooms: [UnsafeMutableRawBufferPointer]) {
    self.rooms = rooms
    count = rooms.reduce(0) { $0 + $1.count }
  }

  var rest: Int { count - filled }

  /// Fills `vector` with what is empty, at most `capacity` pieces; how many, and their bytes.
  func gather(into vector: UnsafeMutablePointer<iovec>, capacity: Int) -> (count: Int, bytes: Int) {
    var bytes = 0
    let used = min(capacity, rooms.count - room)
    for index in 0..<used {
      let memory = rooms[room + index]
      let start = index == 0 ? place : 0
      vector[index] = iovec(iov_base: memory.baseAddress! + start, iov_len: memory.count - start)
      bytes += memory.count - start
    }
    return (used, bytes)
  }

  /// `added` bytes were written to what `gather` gave, or are copied from `source`.
  mutating func advance(_ added: Int, from source: UnsafeRawPointer? = nil) {
    var left = added
    while left > 0 {
      let memory = rooms[room]
      let count = min(left, memory.count - place)
      if let source { (memory.baseAddress! + place).copyMemory(from: source + (added - left), byteCount: count) }
      place += count
      left -= count
      if place == memory.count {
        room += 1
        place = 0
      }
    }
    filled += added
  }
}
