package import MartletBytes

/// How a result that a task needs comes to its worker.
package enum InputDelivery: UInt8, Sendable {
  /// It is there: fetched from its holders, computed by the worker itself, or inline.
  case fetched
  /// Another worker computes it, and sends it if it is small. `inputs` follows in any case, or the task is cancelled.
  case expected
  /// Who has computed it has sent it. It comes once more in case it got lost.
  case pushed
}

/// A result that a task needs, and who has it.
///
/// Most are with the worker already, or will be: then nothing is said of where else they are, and the reference is plain
/// memory but for a nil. Three arrays and texts in each, all empty, took scheduler and worker a tenth of what a task took them.
package struct InputRef: Sendable {
  package var task: TaskHandle
  /// Its key: who is asked for the result checks it, and a worker that comes back says what it holds by keys.
  package var digest: Digest128
  /// The run that has given it.
  package var run: RunID
  package var delivery: InputDelivery
  package var byteCount: Int64
  private var source: Source?

  /// Where a result is that the worker does not hold.
  private final class Source: Sendable {
    let holders: [PeerRef]
    let inline: [UInt8]?
    let type: String

    /// Nil when there is nothing to say.
    init?(_ holders: [PeerRef], _ inline: [UInt8]?, _ type: String) {
      if holders.isEmpty, inline == nil, type.isEmpty { return nil }
      self.holders = holders
      self.inline = inline
      self.type = type
    }
  }

  package init(
    task: TaskHandle, digest: Digest128, run: RunID = RunID(rawValue: 0), byteCount: Int64, holders: [PeerRef],
    inline: [UInt8]? = nil, type: String = "", delivery: InputDelivery = .fetched
  ) {
    self.init(here: task, digest: digest, run: run, byteCount: byteCount, delivery: delivery)
    source = Source(holders, inline, type)
  }

  /// A result that the worker holds, or will have computed itself.
  package init(here task: TaskHandle, digest: Digest128, run: RunID, byteCount: Int64, delivery: InputDelivery) {
    self.task = task
    self.digest = digest
    self.run = run
    self.byteCount = byteCount
    self.delivery = delivery
  }

  /// Who has it, besides the worker that is told so.
  package var holders: [PeerRef] {
    get { source?.holders ?? [] }
    set { source = Source(newValue, inline, type) }
  }

  /// The result itself when it is small and the worker does not hold it.
  package var inline: [UInt8]? {
    get { source?.inline }
    set { source = Source(holders, newValue, type) }
  }

  /// Its type, when it is inline.
  package var type: String {
    get { source?.type ?? "" }
    set { source = Source(holders, inline, newValue) }
  }
}

extension InputRef: Equatable {
  package static func == (one: InputRef, other: InputRef) -> Bool {
    one.task == other.task && one.digest == other.digest && one.run == other.run && one.delivery == other.delivery
      && one.byteCount == other.byteCount && one.holders == other.holders && one.inline == other.inline
      && one.type == other.type
  }
}

extension InputRef: PortableValue {
  package static var leastBytes: Int { 37 }
  /// In the byte of the delivery: holders, the result and its type follow.
  private static let hasSource: UInt8 = 0x80

  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    digest.write(to: &writer)
    run.write(to: &writer)
    writer.write(byteCount)
    guard let source else { return writer.write(byte: delivery.rawValue) }
    writer.write(byte: delivery.rawValue | InputRef.hasSource)
    source.holders.write(to: &writer)
    writer.write(optional: source.inline)
    writer.write(source.type)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    task = try TaskHandle(from: &reader)
    digest = try Digest128(from: &reader)
    run = try RunID(from: &reader)
    byteCount = try reader.readResultSize()
    let start = reader.offset
    let byte = try reader.readByte()
    guard let delivery = InputDelivery(rawValue: byte & ~InputRef.hasSource) else {
      throw ByteError(offset: start, "an input that comes in the unknown way \(byte)")
    }
    self.delivery = delivery
    if byte & InputRef.hasSource == 0 { return }
    source = Source(
      try [PeerRef](from: &reader), try reader.readOptionalBytes(), try reader.readShortText())
  }
}
