extension StateLayout {
  /// Adds states to states, pair by pair, in order: the same group may be met several times.
  ///
  /// - Parameters:
  ///   - sources: States of a partial that covers a later part of the input than what is in `targets` already.
  ///   - ordinalShifts: For each pair, how many records lie before the partial of the source.
  ///   - onTurn: Called where a sum of ints went over: the pair, the sum, and which way.
  func merge(
    from sources: UnsafePointer<UnsafeMutableRawPointer>, into targets: UnsafePointer<UnsafeMutableRawPointer>,
    count: Int, ordinalShifts: UnsafePointer<Int64>, onTurn: (_ pair: Int, _ sum: Int, _ turn: Int64) -> Void
  ) {
    for pair in 0..<count {
      targets[pair].assumingMemoryBound(to: Int64.self).pointee &+=
        sources[pair].assumingMemoryBound(to: Int64.self).pointee
    }
    for entry in entries {
      let offset = entry.offset
      switch entry.accumulator {
      case .intSum:
        for pair in 0..<count {
          let value = IntSum.at(sources[pair] + offset).pointee.low
          if IntSum.at(targets[pair] + offset).pointee.add(value) {
            onTurn(pair, entry.sumIndex, IntSum.turn(value))
          }
        }
      case .doubleSum:
        for pair in 0..<count {
          DoubleSum.at(targets[pair] + offset).pointee.merge(DoubleSum.at(sources[pair] + offset).pointee)
        }
      case .moments:
        for pair in 0..<count {
          Moments.at(targets[pair] + offset).pointee.merge(Moments.at(sources[pair] + offset).pointee)
        }
      case .comoments:
        for pair in 0..<count {
          Comoments.at(targets[pair] + offset).pointee.merge(Comoments.at(sources[pair] + offset).pointee)
        }
      case .minimum:
        mergeExtreme(sources, targets, count, entry, wantsLess: true)
      case .maximum:
        mergeExtreme(sources, targets, count, entry, wantsLess: false)
      case .first:
        mergeOrdinal(sources, targets, count, entry, ordinalShifts, wantsLess: true)
      case .last:
        mergeOrdinal(sources, targets, count, entry, ordinalShifts, wantsLess: false)
      case .top(_, let size):
        for pair in 0..<count {
          let target = (targets[pair] + offset).assumingMemoryBound(to: Int64.self)
          let source = (sources[pair] + offset).assumingMemoryBound(to: Int64.self)
          for index in 0..<size { TopValues.insert(source[index], into: target, size) }
        }
      }
    }
  }

  private func mergeExtreme(
    _ sources: UnsafePointer<UnsafeMutableRawPointer>, _ targets: UnsafePointer<UnsafeMutableRawPointer>,
    _ count: Int, _ entry: Entry, wantsLess: Bool
  ) {
    let offset = entry.offset
    if entry.storage == .texts {
      for pair in 0..<count {
        let source = (sources[pair] + offset).assumingMemoryBound(to: TextState.self).pointee
        let target = (targets[pair] + offset).assumingMemoryBound(to: TextState.self)
        if source.address == 0 { continue }
        if target.pointee.address != 0 {
          let order = compareTexts(
            source.bytes.baseAddress!, Int(source.length), target.pointee.bytes.baseAddress!,
            Int(target.pointee.length))
          if wantsLess ? order >= 0 : order <= 0 { continue }
        }
        // The bytes stay the source's; without room nobody writes into them.
        target.pointee = TextState(address: source.address, length: source.length, room: 0)
      }
      return
    }
    for pair in 0..<count {
      let source = (sources[pair] + offset).load(as: Int64.self)
      let target = (targets[pair] + offset).assumingMemoryBound(to: Int64.self)
      target.pointee = wantsLess ? min(target.pointee, source) : max(target.pointee, source)
    }
  }

  private func mergeOrdinal(
    _ sources: UnsafePointer<UnsafeMutableRawPointer>, _ targets: UnsafePointer<UnsafeMutableRawPointer>,
    _ count: Int, _ entry: Entry, _ ordinalShifts: UnsafePointer<Int64>, wantsLess: Bool
  ) {
    for pair in 0..<count {
      let source = sources[pair] + entry.offset
      let target = targets[pair] + entry.offset
      let sourceOrdinal = source.load(as: Int64.self)
      if sourceOrdinal < 0 { continue }
      let ordinal = sourceOrdinal + ordinalShifts[pair]
      let present = target.load(as: Int64.self)
      if present >= 0 && (wantsLess ? present <= ordinal : present >= ordinal) { continue }
      target.storeBytes(of: ordinal, as: Int64.self)
      if entry.storage == .texts {
        let text = (source + 8).assumingMemoryBound(to: TextState.self).pointee
        (target + 8).assumingMemoryBound(to: TextState.self).pointee = TextState(
          address: text.address, length: text.length, room: 0)
      } else {
        (target + 8).storeBytes(of: (source + 8).load(as: Int64.self), as: Int64.self)
      }
    }
  }
}
