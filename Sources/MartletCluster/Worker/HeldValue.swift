import MartletBytes
import MartletGraph

/// A value in the worker's table, or on its way there. Who holds it clears its slot.
struct HeldValue {
  var slot = Slot()
  var type: PortableValueType?
  /// What it takes in memory, as the core was told.
  var byteCount: Int64 = 0
  /// Why there is no value although the core has one: a few bytes that the scheduler sent cannot be decoded. Who gets it as
  /// an input fails.
  var problem: String?
  /// The number of its file; 0 where it has none.
  var file: UInt64 = 0

  /// A value and what it takes: as bytes it takes `encodedBytes`.
  ///
  /// - Parameter slot: Taken over.
  init(_ slot: Slot, _ type: PortableValueType, encodedBytes: Int) {
    self.slot = slot
    self.type = type
    byteCount = HeldValue.byteCount(of: slot, type, encodedBytes: encodedBytes)
  }

  init() {}

  init(problem: String) { self.problem = problem }

  /// What a value takes in memory. Where the type does not know what its values refer to, its bytes say more.
  static func byteCount(of slot: Slot, _ type: PortableValueType, encodedBytes: Int) -> Int64 {
    Int64(type.knowsSize ? type.residentBytes(of: slot) : max(type.residentBytes(of: slot), encodedBytes))
  }
}
