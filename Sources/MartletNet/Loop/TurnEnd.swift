/// Something that is done at the end of each turn in which it was asked for, before what connections then have queued
/// leaves: for owners that gather what they have to say. Once a turn, however often it was asked for.
package final class TurnEnd: Channel, @unchecked Sendable {
  // Sendable: see Channel; `action` is constant.
  private let action: @Sendable () -> Void

  /// `action` is called on the loop's thread. It may be called again in the same turn when what it did leads to another
  /// request, a few times; then the next turn begins without waiting.
  package init(loop: EventLoop, action: @escaping @Sendable () -> Void) {
    self.action = action
    super.init(loop: loop)
  }

  /// On the loop's thread. Cost: an addition to a list, the first time in a turn.
  package func request() {
    loop.requireOnLoop()
    loop.mark(self)
  }

  override func endOfTurn() { action() }
}
