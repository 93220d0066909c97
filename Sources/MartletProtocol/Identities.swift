package import MartletBytes

/// The scheduler's number of a task that it knows. A slot is used again when its task is forgotten; the generation then
/// grows, so that an old handle never means a new task.
package struct TaskHandle: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The place in the scheduler's tables.
  package let slot: UInt32
  /// How often the place was used before.
  package let generation: UInt32

  @inlinable package init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }

  /// A multiplication: tables by handles are looked into several times for each task, and a handle comes from the scheduler, never
  /// from somebody who would choose handles that meet in one place.
  package func _rawHashValue(seed: Int) -> Int {
    let word = (UInt64(generation) << 32 | UInt64(slot)) ^ UInt64(bitPattern: Int64(seed))
    let mixed = word &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed ^ mixed &>> 32)
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(UInt64(generation) << 32 | UInt64(slot)) }

  /// `#slot.generation`.
  package var description: String { "#\(slot).\(generation)" }
}

/// Which assignment of a task a message speaks of: late and repeated answers carry an old one and change nothing.
package struct RunID: Hashable, Sendable, BitwiseCopyable, Comparable {
  /// Counted from 1 for each task.
  package let rawValue: UInt32

  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Orders by number.
  package static func < (left: RunID, right: RunID) -> Bool { left.rawValue < right.rawValue }
}

/// A worker, as one scheduler numbers them. A worker that comes back after it was lost gets a new number.
package struct WorkerID: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
  /// Counted from 0, never used again.
  package let rawValue: UInt32

  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Orders by number.
  package static func < (left: WorkerID, right: WorkerID) -> Bool { left.rawValue < right.rawValue }

  /// `worker N`.
  package var description: String { "worker \(rawValue)" }
}

/// A client, as one scheduler numbers them.
package struct ClientID: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
  /// Counted from 0, never used again.
  package let rawValue: UInt32

  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Orders by number.
  package static func < (left: ClientID, right: ClientID) -> Bool { left.rawValue < right.rawValue }

  /// `client N`.
  package var description: String { "client \(rawValue)" }
}

/// Nanoseconds since some moment of the process: cores are told the time, they never ask.
package struct Timestamp: Hashable, Sendable, BitwiseCopyable, Comparable {
  /// Nanoseconds.
  package var nanoseconds: Int64

  @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Orders by time.
  @inlinable package static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

  /// A later moment.
  @inlinable package static func + (time: Timestamp, nanoseconds: Int64) -> Timestamp {
    Timestamp(nanoseconds: time.nanoseconds &+ nanoseconds)
  }

  /// The nanoseconds between two moments.
  @inlinable package static func - (left: Timestamp, right: Timestamp) -> Int64 {
    left.nanoseconds &- right.nanoseconds
  }
}

extension TaskHandle: PortableValue {
  package static var leastBytes: Int { 8 }
  package func write(to writer: inout ByteWriter) {
    writer.write(slot)
    writer.write(generation)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(slot: try reader.read(), generation: try reader.read())
  }
}

extension RunID: PortableValue {
  package static var leastBytes: Int { 4 }
  package func write(to writer: inout ByteWriter) { writer.write(rawValue) }
  package init(from reader: inout ByteReader) throws(ByteError) { self.init(rawValue: try reader.read()) }
}

extension WorkerID: PortableValue {
  package static var leastBytes: Int { 4 }
  package func write(to writer: inout ByteWriter) { writer.write(rawValue) }
  package init(from reader: inout ByteReader) throws(ByteError) { self.init(rawValue: try reader.read()) }
}

extension ClientID: PortableValue {
  package static var leastBytes: Int { 4 }
  package func write(to writer: inout ByteWriter) { writer.write(rawValue) }
  package init(from reader: inout ByteReader) throws(ByteError) { self.init(rawValue: try reader.read()) }
}
