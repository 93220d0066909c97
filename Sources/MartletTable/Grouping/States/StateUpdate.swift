/// Calls `body` for every record whose cell holds a value: one loop with the test and one without.
@inline(__always)
func forEachValue(_ vector: Vector, from start: Int, count: Int, _ body: (Int) -> Void) {
  if vector.hasNulls {
    let valid = vector.valid + start
    for record in 0..<count where valid[record] != 0 { body(record) }
  } else {
    for record in 0..<count { body(record) }
  }
}

extension GroupAccumulator {
  /// Adds some records to one accumulator of their groups.
  func update(
    _ entry: StateLayout.Entry, _ arguments: [Vector], from start: Int,
    states: UnsafePointer<UnsafeMutableRawPointer>, count: Int
  ) {
    let offset = entry.offset
    switch entry.accumulator {
    case .intSum(let argument):
      let vector = arguments[argument]
      let values = vector.ints + start
      let sum = entry.sumIndex
      forEachValue(vector, from: start, count: count) { record in
        if IntSum.at(states[record] + offset).pointee.add(values[record]) { countTurn(values[record], record, sum) }
      }
    case .doubleSum(let argument):
      let vector = arguments[argument]
      let values = vector.doubles + start
      forEachValue(vector, from: start, count: count) { record in
        DoubleSum.at(states[record] + offset).pointee.add(values[record])
      }
    case .minimum(let argument):
      updateExtreme(arguments[argument], entry.storage, offset, from: start, states, count, wantsLess: true)
    case .maximum(let argument):
      updateExtreme(arguments[argument], entry.storage, offset, from: start, states, count, wantsLess: false)
    case .moments(let argument):
      let vector = arguments[argument]
      if entry.storage == .doubles {
        let values = vector.doubles + start
        forEachValue(vector, from: start, count: count) { record in
          Moments.at(states[record] + offset).pointee.add(values[record])
        }
      } else {
        let values = vector.ints + start
        forEachValue(vector, from: start, count: count) { record in
          Moments.at(states[record] + offset).pointee.add(Double(values[record]))
        }
      }
    case .comoments(let first, let second):
      updateComoments(arguments[first], arguments[second], offset, from: start, states, count)
    case .first(let argument):
      updateFirst(arguments[argument], entry.storage, offset, from: start, states, count)
    case .last(let argument):
      updateLast(arguments[argument], entry.storage, offset, from: start, states, count)
    case .top(let argument, let size):
      updateTop(arguments[argument], entry.storage, offset, size, from: start, states, count)
    }
  }

  /// Takes down that a sum of the group of `record` went over.
  private func countTurn(_ value: Int64, _ record: Int, _ sum: Int) {
    let group = Int(groups[record])
    turns.reserve(group + 1)[group * turns.width + sum] &+= IntSum.turn(value)
  }

  private func updateExtreme(
    _ vector: Vector, _ storage: StorageClass, _ offset: Int, from start: Int,
    _ states: UnsafePointer<UnsafeMutableRawPointer>, _ count: Int, wantsLess: Bool
  ) {
    switch storage {
    case .ints:
      let values = vector.ints + start
      if wantsLess {
        forEachValue(vector, from: start, count: count) { record in
          let place = (states[record] + offset).assumingMemoryBound(to: Int64.self)
          place.pointee = min(place.pointee, values[record])
        }
      } else {
        forEachValue(vector, from: start, count: count) { record in
          let place = (states[record] + offset).assumingMemoryBound(to: Int64.self)
          place.pointee = max(place.pointee, values[record])
        }
      }
    case .doubles:
      let values = vector.doubles + start
      if wantsLess {
        forEachValue(vector, from: start, count: count) { record in
          let place = (states[record] + offset).assumingMemoryBound(to: Int64.self)
          place.pointee = min(place.pointee, OrderedDouble.encode(values[record]))
        }
      } else {
        forEachValue(vector, from: start, count: count) { record in
          let place = (states[record] + offset).assumingMemoryBound(to: Int64.self)
          place.pointee = max(place.pointee, OrderedDouble.encode(values[record]))
        }
      }
    case .texts:
      let cells = vector.texts + start
      let lengths = vector.lengths + start
      let store = texts
      forEachValue(vector, from: start, count: count) { record in
        let place = (states[record] + offset).assumingMemoryBound(to: TextState.self)
        let state = place.pointee
        if state.address != 0 {
          let order = compareTexts(
            cells[record], Int(lengths[record]), state.bytes.baseAddress!, Int(state.length))
          if wantsLess ? order >= 0 : order <= 0 { return }
        }
        place.pointee.assign(cells[record], lengths[record], in: store)
      }
    case .nothing: break
    }
  }

  private func updateComoments(
    _ first: Vector, _ second: Vector, _ offset: Int, from start: Int,
    _ states: UnsafePointer<UnsafeMutableRawPointer>, _ count: Int
  ) {
    let firstIsDouble = first.type == .double
    let secondIsDouble = second.type == .double
    let secondHasNulls = second.hasNulls
    forEachValue(first, from: start, count: count) { record in
      let cell = start &+ record
      if secondHasNulls && second.valid[cell] == 0 { return }
      let x = firstIsDouble ? first.doubles[cell] : Double(first.ints[cell])
      let y = secondIsDouble ? second.doubles[cell] : Double(second.ints[cell])
      Comoments.at(states[record] + offset).pointee.add(x, y)
    }
  }

  private func updateFirst(
    _ vector: Vector, _ storage: StorageClass, _ offset: Int, from start: Int,
    _ states: UnsafePointer<UnsafeMutableRawPointer>, _ count: Int
  ) {
    let base = Int64(recordCount)
    let store = texts
    forEachValue(vector, from: start, count: count) { record in
      let place = states[record] + offset
      if place.load(as: Int64.self) >= 0 { return }
      place.storeBytes(of: base &+ Int64(record), as: Int64.self)
      if storage == .texts {
        (place + 8).assumingMemoryBound(to: TextState.self).pointee.assign(
          vector.texts[start &+ record], vector.lengths[start &+ record], in: store)
      } else {
        (place + 8).storeBytes(of: vector.ints[start &+ record], as: Int64.self)
      }
    }
  }

  private func updateLast(
    _ vector: Vector, _ storage: StorageClass, _ offset: Int, from start: Int,
    _ states: UnsafePointer<UnsafeMutableRawPointer>, _ count: Int
  ) {
    let base = Int64(recordCount)
    let store = texts
    forEachValue(vector, from: start, count: count) { record in
      let place = states[record] + offset
      place.storeBytes(of: base &+ Int64(record), as: Int64.self)
      if storage == .texts {
        (place + 8).assumingMemoryBound(to: TextState.self).pointee.assign(
          vector.texts[start &+ record], vector.lengths[start &+ record], in: store)
      } else {
        (place + 8).storeBytes(of: vector.ints[start &+ record], as: Int64.self)
      }
    }
  }

  private func updateTop(
    _ vector: Vector, _ storage: StorageClass, _ offset: Int, _ size: Int, from start: Int,
    _ states: UnsafePointer<UnsafeMutableRawPointer>, _ count: Int
  ) {
    let isDouble = storage == .doubles
    forEachValue(vector, from: start, count: count) { record in
      let cell = start &+ record
      let value = isDouble ? OrderedDouble.encodeEqualZeros(vector.doubles[cell]) : vector.ints[cell]
      TopValues.insert(value, into: (states[record] + offset).assumingMemoryBound(to: Int64.self), size)
    }
  }
}
