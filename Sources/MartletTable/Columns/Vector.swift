/// A column of one batch: up to `capacity` cells in scratch memory that is reused for every batch.
///
/// Eight bytes a cell hold the value: `ints` for int, date (days), timestamp (microseconds) and bool (0 or 1),
/// `doubles` for double, `texts` for the address of a text's first byte, whose length is in `lengths`. The three
/// views share one memory. `valid` has a byte a cell, 1 for a value and 0 for null; it is only meaningful while
/// `hasNulls` is true, and a kernel may skip it otherwise. The value of a null cell is zero (text: length zero and
/// some readable address), so that kernels may load it.
///
/// A text's bytes belong to somebody else (the block that was read, a `TextArena`, a literal) and live until the
/// batch is over. At least 16 bytes from every text's address may be read without a fault.
///
/// Not thread safe: a vector belongs to the task that scans.
package final class Vector {
  package var type: ColumnType
  package var count = 0
  package var hasNulls = false
  /// True when whoever filled a text vector knows that no value needs quotes in CSV or TSV; it is what saves writers
  /// from looking.
  package var isPlain = false
  package let capacity: Int
  package let ints: UnsafeMutablePointer<Int64>
  package let doubles: UnsafeMutablePointer<Double>
  package let texts: UnsafeMutablePointer<UnsafePointer<UInt8>>
  package let lengths: UnsafeMutablePointer<UInt32>
  package let valid: UnsafeMutablePointer<UInt8>
  private let memory: UnsafeMutableRawPointer

  package init(type: ColumnType, capacity: Int = Batch.capacity) {
    self.type = type
    self.capacity = capacity
    memory = .allocate(byteCount: capacity * 13 + 64, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * 13 + 64)
    ints = memory.bindMemory(to: Int64.self, capacity: capacity)
    doubles = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: Double.self)
    texts = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: UnsafePointer<UInt8>.self)
    lengths = (memory + capacity * 8).bindMemory(to: UInt32.self, capacity: capacity)
    valid = (memory + capacity * 12).bindMemory(to: UInt8.self, capacity: capacity)
  }

  deinit { memory.deallocate() }

  /// Whether cell `row` holds a value.
  @inline(__always)
  package func isValid(_ row: Int) -> Bool { !hasNulls || valid[row] != 0 }

  /// The bytes of cell `row` of a text vector.
  @inline(__always)
  package func text(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: texts[row], count: Int(lengths[row]))
  }
}

/// Some records of the input, column-wise.
package enum Batch {
  /// The most records that travel together: few enough that a handful of vectors stay in the second-level cache.
  package static let capacity = 2048
}
