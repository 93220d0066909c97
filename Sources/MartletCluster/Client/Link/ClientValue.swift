import MartletBytes
import MartletEngine
import MartletGraph

/// A result that has come: its bytes until somebody reads it, then the value.
final class ClientValue: @unchecked Sendable {
  // Sendable: `bytes` and `slot` are used under the lock; what a filled slot holds is constant until `deinit`.
  let type: String
  let byteCount: Int
  private var bytes: LandedBytes?
  private var slot = Slot()

  init(type: String, bytes: LandedBytes) {
    self.type = type
    self.bytes = bytes
    byteCount = bytes.byteCount
  }

  deinit { slot.clear() }

  /// The value in a slot that is the caller's to clear. Read on the calling thread, the first time.
  ///
  /// - Throws: `ClusterError` when the type is not known here, or the bytes are no value of it.
  func take(_ registry: TaskFunctionRegistry) throws(ClusterError) -> Slot {
    let lock = StripedLocks.lock(of: self)
    var copy = Slot()
    let unread: LandedBytes? = lock.withLock {
      if slot.isEmpty { return bytes }
      copy.fill(from: slot)
      return nil
    }
    guard let unread else { return copy }
    guard let known = registry.valueType(named: type) else { throw .unregistered(type) }
    do throws(ByteError) {
      copy = try known.slot(of: unread)
    } catch {
      throw .unreadable(type, error.description)
    }
    lock.withLock {
      // Another thread may have read it meanwhile.
      if slot.isEmpty { slot.fill(from: copy) }
      bytes = nil
    }
    return copy
  }

  /// The value.
  func value<Value: Sendable>(
    as type: Value.Type, _ registry: TaskFunctionRegistry
  ) throws(ClusterError) -> Value {
    var slot = try take(registry)
    defer { slot.clear() }
    guard let value = slot.value(as: Value.self) else { throw .wrongType(self.type, expected: "\(Value.self)") }
    return value
  }
}

/// Locks of small objects: a few for all, so that none has its own.
enum StripedLocks {
  private static let locks = (0..<64).map { _ in Lock() }

  static func lock(of object: AnyObject) -> Lock {
    let address = UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
    return locks[Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> 58)]
  }
}
