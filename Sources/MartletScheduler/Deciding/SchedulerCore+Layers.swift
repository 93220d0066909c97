import MartletBytes
import MartletProtocol

// Layers of blocks: one record in a submission, a task for each block here. The blocks share their arguments but for their
// numbers, so a block takes no more than its record and its dependencies.

extension SchedulerCore {
  /// Adds the blocks of a layer to a graph. Nil, or why it cannot be taken.
  mutating func expand(
    _ layer: SubmittedLayer, label: UInt32, labelText: String, traits number: UInt32, function: UInt32, to open: Int
  ) -> FailureRecord? {
    func refusal(_ kind: FailureRecord.Kind, _ key: Digest128, _ message: String) -> FailureRecord {
      FailureRecord(kind, key: key, label: labelText, message: message)
    }
    // Before anything is made: a short record can name more blocks than there is memory for.
    guard taskCount + Int(layer.count) <= settings.taskLimit,
      layer.dependencyCount <= settings.dependencyLimit - dependencies.count
    else {
      return refusal(
        .cannotRun, layer.digest,
        "a layer of \(layer.count) blocks is more than the scheduler takes: it knows \(taskCount) tasks of at most "
          + "\(settings.taskLimit)")
    }
    func unknown(_ key: Digest128) -> FailureRecord {
      refusal(.lost, key, "it needs the task \(key), which the scheduler does not know (any more): send it along")
    }
    var shared: [UInt32] = []
    for case .shared(let key) in layer.inputs {
      guard let slot = slot(of: key) else { return unknown(key) }
      shared.append(slot)
    }
    let prefix = prefixes.use(layer.arguments)
    defer { prefixes.leave(prefix) }
    let kind = TaskKind(label: label, traits: number, work: .block(function: function, prefix: prefix))
    var inputs: [UInt32] = []
    var nextWanted = 0
    beginLayer(in: open)
    for block in 0..<layer.count {
      inputs.removeAll(keepingCapacity: true)
      var sharedPlace = 0
      for input in layer.inputs {
        switch input {
        case .block(let family):
          let key = family.member(UInt64(block))
          guard let slot = slot(of: key) else { return unknown(key) }
          inputs.append(slot)
        case .shared:
          inputs.append(shared[sharedPlace])
          sharedPlace += 1
        case .range(let family, let count, let size):
          let first = UInt64(block) * UInt64(size)
          for member in first..<max(first, min(first + UInt64(size), UInt64(count))) {
            let key = family.member(member)
            guard let slot = slot(of: key) else { return unknown(key) }
            inputs.append(slot)
          }
        case .strided(let family, let strides):
          guard let members = strides.inputs(of: block) else {
            return refusal(.cannotRun, layer.digest, "block \(block) needs a block outside of its layer")
          }
          for member in members {
            let key = family.member(member)
            guard let slot = slot(of: key) else { return unknown(key) }
            inputs.append(slot)
          }
        }
      }
      let digest = layer.digest.member(UInt64(block))
      let data = KeptBytes(number: block)
      let slot: UInt32
      if let known = self.slot(of: digest) {
        if let failure = conflict(known, kind.work, data, inputs, label: labelText) { return failure }
        slot = known
      } else {
        slot = insert(
          digest, kind, data, owner: openGraphs[open].client, graph: openGraphs[open].number,
          order: takeOrder(of: block, layer, inputs, in: open))
        dependencies.add(slot, inputs, orderOnlyCount: 0, &tasks)
      }
      pin(slot, open)
      if layer.wants(block, &nextWanted) { openGraphs[open].wanted.append(slot) }
    }
    return nil
  }

  /// The arguments of a task's call, or the bytes of its constant.
  mutating func data(of work: TaskKind.Work, _ kept: KeptBytes) -> [UInt8] {
    guard case .block(_, let prefix) = work else { return kept.array }
    var writer = ByteWriter(capacity: prefixes[prefix].count + 8)
    prefixes[prefix].withUnsafeBytes { writer.write(raw: $0) }
    writer.write(Int64(kept.number))
    return writer.takeBytes()
  }

  /// Why a task with a known key is other work than the known one; nil when it is the same, however it was sent.
  mutating func conflict(
    _ slot: UInt32, _ work: TaskKind.Work, _ data: KeptBytes, _ inputs: [UInt32], label: String
  ) -> FailureRecord? {
    let known = tasks[Int(slot)]
    let knownWork = kinds[known.kind].work
    // Scattered data is known by its content; a description of how to compute it is as good.
    let isSame =
      known.isData
      || (knownWork.withoutPrefix == work.withoutPrefix
        && self.data(of: knownWork, known.arguments) == self.data(of: work, data) && self.inputs(of: slot) == inputs)
    if isSame { return nil }
    return FailureRecord(
      .cannotRun, key: known.digest, label: label,
      message: "it has the key of \(labelText(of: slot)), which is other work: give it another name or version")
  }
}

extension TaskKind.Work {
  /// A block's call as any other call.
  fileprivate var withoutPrefix: TaskKind.Work {
    if case .block(let function, _) = self { .call(function) } else { self }
  }
}
