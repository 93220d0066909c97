import MartletBytes
import MartletClient
import MartletProtocol

/// Values that the program brings along.
final class ScatterOrder: @unchecked Sendable {
  // Sendable: made by one thread, and the loop's since it was posted.
  let values: [ScatteredValue]
  let cells: [ResultCell]
  /// The worker that gets them; nil: they are small, and stay with the scheduler.
  let place: PeerRef?
  /// The bytes of those that go to a worker.
  let data: [WrittenBytes]
  var bound = 0

  init(values: [ScatteredValue], cells: [ResultCell], place: PeerRef?, data: [WrittenBytes]) {
    self.values = values
    self.cells = cells
    self.place = place
    self.data = data
  }
}

extension ClientShell {
  func scatter(_ order: ScatterOrder) {
    let id = newSubmission(.values(order))
    scattering = order
    feed(.scatter(id, order.values, at: order.place))
    // Where a worker is asked to take them, it happens here.
    carryOut()
    scattering = nil
    submitters[id.rawValue] = nil
  }
}
