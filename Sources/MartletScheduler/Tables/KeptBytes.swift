import Glibc

/// Bytes that a record keeps: arguments of a call, a constant. A pointer in the record, none for no bytes; outside 4 bytes
/// for the count, where an array has 32.
struct KeptBytes: BitwiseCopyable {
  private let memory: UnsafeMutableRawPointer?

  static var none: KeptBytes { KeptBytes(memory: nil) }

  private init(memory: UnsafeMutableRawPointer?) { self.memory = memory }

  /// The number of a block instead of bytes. Memory is aligned, so an odd address is none.
  init(number: UInt32) { memory = UnsafeMutableRawPointer(bitPattern: UInt(number) << 1 | 1) }

  /// What `init(number:)` was given; 0 for bytes.
  var number: UInt32 { isNumber ? UInt32(truncatingIfNeeded: UInt(bitPattern: memory) >> 1) : 0 }

  private var isNumber: Bool { UInt(bitPattern: memory) & 1 != 0 }

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

  var count: Int {
    guard let memory, !isNumber else { return 0 }
    return Int(memory.load(as: UInt32.self))
  }

  var array: [UInt8] {
    guard let memory, !isNumber else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: memory + 4, count: count))
  }

  /// Gives the memory back; nobody may look at the bytes any more.
  func forget() { if !isNumber { free(memory) } }
}
