import Glibc

/// Bytes that a record keeps: arguments of a call, a constant. A pointer in the record, none for no bytes; outside 4 bytes
/// for the count, where an array has 32.
struct KeptBytes: BitwiseCopyable {
  private let memory: UnsafeMutableRawPointer?

  static var none: KeptBytes { KeptBytes(memory: nil) }

  private init(memory: UnsafeMutableRawPointer?) { self.memory = memory }

  /// A copy of the bytes, until `forget`.
  init(_ bytes: [UInt8]) {
    if bytes.isEmpty {
      memory = nil
      return
    }
    guard let memory = malloc(4 + bytes.count) else { fatalError("no memory for \(bytes.count) bytes") }
    memory.storeBytes(of: UInt32(bytes.count), as: UInt32.self)
    bytes.withUnsafeBytes { (memory + 4).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    self.memory = memory
  }

  var count: Int { memory.map { Int($0.load(as: UInt32.self)) } ?? 0 }

  var array: [UInt8] {
    guard let memory else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: memory + 4, count: count))
  }

  func equals(_ bytes: [UInt8]) -> Bool {
    guard let memory else { return bytes.isEmpty }
    return count == bytes.count && bytes.withUnsafeBytes { memcmp($0.baseAddress!, memory + 4, $0.count) == 0 }
  }

  /// Gives the memory back; nobody may look at the bytes any more.
  func forget() { free(memory) }
}
