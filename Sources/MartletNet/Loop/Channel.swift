/// Something with a descriptor that a loop watches. Only the loop's thread touches it.
package class Channel: @unchecked Sendable {
  // Sendable: the loop's thread alone uses what is mutable; functions for other threads say so.
  package let loop: EventLoop
  /// The loop's name for it while it is registered, or `Channel.unregistered`.
  var token = Channel.unregistered
  /// Whether `endOfTurn` will be called.
  var isMarked = false

  static let unregistered = UInt64.max

  init(loop: EventLoop) { self.loop = loop }

  /// Something happened to the descriptor: `MARTLET_READABLE` and so on.
  func handle(_ happened: UInt32) {}

  /// The turn in which `loop.mark(self)` was called ends.
  func endOfTurn() {}

  /// The loop stops: close the descriptor, tell the owner.
  func loopStops() {}
}
