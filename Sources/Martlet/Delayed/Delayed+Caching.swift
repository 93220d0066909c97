public import MartletBytes
import MartletGraph
import MartletSystem

// Results kept across runs: a run whose result is in the cache computes neither the task nor what only it needs.

extension Delayed {
  /// Takes the result from `cache` where it has it, and puts it there otherwise: in memory, and on disk if the cache has a
  /// directory and the value has bytes (`PortableValue`).
  ///
  /// - Parameters:
  ///   - cache: Where results are kept.
  ///   - key: What the result depends on: arguments, versions of files. It is yours to say all of it. The label and the
  ///       type of the result are part of the key.
  public func cached(in cache: ResultCache, key: any PortableValue...) -> Delayed {
    cached(in: cache, as: cacheKey(key))
  }

  private func cacheKey(_ parts: [any PortableValue]) -> Digest128 {
    var hasher = StableHasher()
    hasher.combine("martlet.cached")
    hasher.combine(label)
    hasher.combine(String(reflecting: Value.self))
    hasher.combine(parts.count)
    for part in parts {
      hasher.combine(String(reflecting: type(of: part)))
      hasher.combine(part.portableBytes())
    }
    return hasher.digest()
  }

  private func cached(in cache: ResultCache, as key: Digest128) -> Delayed {
    let (site, body, inputs) = (node.site, node.body, node.inputs)
    let keep: @Sendable (Slot, UInt64) -> Void = { slot, start in
      guard let value = slot.value(as: Value.self) else { return }
      let seconds = Double(martlet_monotonic_nanoseconds() - start) * 1e-9
      cache.store(value, for: key, bytes: 16 + slot.residentBytes, seconds: seconds)
    }
    let old = site.extras ?? DelayedExtras()
    let extras = DelayedExtras(
      traits: old.traits, predecessors: old.predecessors, key: key,
      shortcut: { cache.value(for: key, as: Value.self).map { constantBody($0) } })
    return Delayed(
      node: DelayedNode.make(
        at: DelayedSiteReference(site.label, site.place, site.kind, extras), on: inputs, isInSlot: node.isInSlot
      ) { inputs, context, slot in
        let start = martlet_monotonic_nanoseconds()
        do {
          try body(inputs, context, slot)
        } catch let suspension as TaskSuspended {
          context.afterSuspension { keep($0, start) }
          throw suspension
        }
        keep(slot.pointee, start)
      })
  }
}
