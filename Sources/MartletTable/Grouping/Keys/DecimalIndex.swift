import MartletSystem

/// A table from the number of a text (`DecimalForm`) to its id: one load of four bytes instead of a hash, a slot and a
/// compare, in a table that is a tenth as large as that of slots.
///
/// It holds all texts of the form whose number is below `size`, which follows the numbers that occur as far as that costs
/// about as much memory as slots would. Other texts are in the hash table of the dictionary.
///
/// Not thread safe.
final class DecimalIndex {
  let form: DecimalForm
  /// Ids plus one, zero for none; one more than `size`, always zero, for texts that are not in the table.
  private(set) var table: UnsafeMutablePointer<UInt32>
  private(set) var size: Int
  /// The largest number so far that was too large.
  private var largest: UInt64 = 0
  private let window: Int
  private var seen = 0
  private var missed = 0

  /// How many entries a text may cost.
  private static let entriesPerText = 8
  /// Cells whose form is looked at before there is a table.
  private static let sample = 64

  private init(_ form: DecimalForm, tuning: GroupTuning) {
    self.form = form
    size = 1 << tuning.decimalBits
    window = tuning.decimalWindow
    table = .allocate(capacity: size + 1)
    table.initialize(repeating: 0, count: size + 1)
  }

  deinit { table.deallocate() }

  /// A table for texts like the given ones; nil where they have no form in common.
  static func make(_ vector: Vector, from start: Int, count: Int, tuning: GroupTuning) -> DecimalIndex? {
    var form: DecimalForm?
    var fitting = 0
    let looked = min(count, sample)
    for cell in start..<start + looked where !vector.hasNulls || vector.valid[cell] != 0 {
      if form == nil { form = DecimalForm(vector.text(cell)) }
      guard let form else { return nil }
      if form.number(vector.texts[cell], Int(vector.lengths[cell])) != DecimalForm.none { fitting += 1 }
    }
    guard let form, fitting * 4 >= looked * 3 else { return nil }
    return DecimalIndex(form, tuning: tuning)
  }

  var residentBytes: Int { (size + 1) * 4 }

  /// Writes the place in the table of every text, and `size` for those that have none.
  func places(
    _ cells: UnsafePointer<UnsafePointer<UInt8>>, _ lengths: UnsafePointer<UInt32>, count: Int,
    into places: UnsafeMutablePointer<UInt32>
  ) {
    switch form {
    case .plain:
      fill(places, count) { DecimalForm.plain(cells[$0], Int(lengths[$0])) }
    case .code(let code):
      fill(places, count) { DecimalForm.number(cells[$0], Int(lengths[$0]), code) }
    }
  }

  @inline(__always)
  private func fill(_ places: UnsafeMutablePointer<UInt32>, _ count: Int, _ number: (Int) -> UInt64) {
    let size = UInt64(truncatingIfNeeded: size)
    var beyond: UInt64 = 0
    for cell in 0..<count {
      let number = number(cell)
      places[cell] = UInt32(truncatingIfNeeded: min(number, size))
      beyond = max(beyond, number &+ 1)
    }
    // The sum of `none` and one is zero.
    largest = max(largest, beyond)
  }

  /// Whether the table is worth what it costs after `count` cells more, `rest` of which have no place in it.
  func isWorth(count: Int, rest: Int) -> Bool {
    seen &+= count
    missed &+= rest
    if seen < window { return true }
    let isWorth = missed * 2 < seen
    seen = 0
    missed = 0
    return isWorth
  }

  /// Makes the table larger where numbers ask for it and so many texts justify it.
  ///
  /// - Parameter rows: The entries of the dictionary.
  func grow(_ rows: RowStore) {
    guard largest > size, rows.count * Self.entriesPerText >= size * 2 else { return }
    var larger = size
    while larger < largest && larger * 2 <= rows.count * Self.entriesPerText { larger *= 2 }
    let grown = UnsafeMutablePointer<UInt32>.allocate(capacity: larger + 1)
    grown.update(from: table, count: size)
    (grown + size).initialize(repeating: 0, count: larger + 1 - size)
    let view = rows.view
    for id in 0..<rows.count {
      let text = TextDictionary.text(at: view.address(id))
      let number = form.number(text.baseAddress!, text.count)
      if number < larger { grown[Int(number)] = UInt32(truncatingIfNeeded: id + 1) }
    }
    table.deallocate()
    table = grown
    size = larger
  }
}
