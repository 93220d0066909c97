public import MartletGraph
import Synchronization

// What one may say about a computation besides its work. Each gives a computation of its own: `load` and `load.named("again")`
// are two tasks. So say it where the computation is made.

extension Delayed {
  /// The same work under another name.
  public func named(_ label: String) -> Delayed { changed(label: label, extras: node.site.extras) }

  /// Higher runs earlier where there is a choice.
  public func priority(_ priority: Int16) -> Delayed { annotated { $0.priority = priority } }

  /// Runs again when it throws, at most `count` more times: after `delay`, then after `factor` times as long each time.
  public func retries(
    _ count: Int, delay: Duration = .milliseconds(10), factor: Double = 2, longestDelay: Duration = .seconds(60)
  ) -> Delayed {
    annotated { $0.retry = RetryPolicy(limit: count, delay: delay, factor: factor, longestDelay: longestDelay) }
  }

  /// Fails with `TaskTimeout` when an attempt takes longer.
  public func timeout(_ duration: Duration) -> Delayed { annotated { $0.timeout = duration } }

  /// Occupies so much of what the machine has by name while it runs; `RunOptions.resources` says how much there is.
  public func resources(_ needs: [String: Int]) -> Delayed {
    annotated {
      $0.resources = needs.sorted { $0.key < $1.key }.map { ResourceNeed($0.key, amount: $0.value) }
    }
  }

  /// On a cluster, only these workers run it; elsewhere it changes nothing.
  ///
  /// - Parameters:
  ///   - workers: Their names, addresses or hosts; empty: all.
  ///   - allowsOthers: Whether others may run it while none of them is there. Otherwise it waits for them.
  public func workers(_ workers: [String], allowsOthers: Bool = false) -> Delayed {
    annotated {
      $0.workers = workers
      $0.allowsOtherWorkers = allowsOthers
    }
  }

  /// Waits for something other than the processor: it runs on a thread kept for such tasks.
  public func blocking() -> Delayed { annotated { $0.isBlocking = true } }

  /// Brings data into memory: a memory budget holds it back while there is no room.
  ///
  /// - Parameter bytes: What the result will take, as far as one knows before; 0 when one does not.
  public func source(bytes: Int = 0) -> Delayed {
    annotated {
      $0.isSource = true
      $0.estimatedResultBytes = bytes
    }
  }

  /// Begins only when all of `others` have ended; their results are not used.
  public func after<each Other>(_ others: repeat Delayed<each Other>) -> Delayed {
    after(nodes(of: repeat each others).map(AnyDelayed.init(node:)))
  }

  /// Begins only when all of `others` have ended; their results are not used.
  public func after(_ others: [AnyDelayed]) -> Delayed {
    let extras = node.site.extras ?? DelayedExtras()
    return changed(extras: extras.with(predecessors: extras.predecessors + others.map { $0.node }))
  }

  /// Not shared with equal calls: each such computation is a task of its own, as one with side effects has to be.
  public func impure() -> Delayed {
    guard let extras = node.site.extras, extras.lower != nil || extras.key != nil else { return self }
    return changed(
      kind: .closure, extras: DelayedExtras(traits: extras.traits, predecessors: extras.predecessors))
  }

  /// With other traits.
  func annotated(_ change: (inout TaskTraits) -> Void) -> Delayed {
    let extras = node.site.extras ?? DelayedExtras()
    var traits = extras.traits
    change(&traits)
    return changed(extras: extras.with(traits: traits))
  }

  /// The same work, described in another way.
  func changed(label: String? = nil, kind: TaskKind? = nil, extras: DelayedExtras?) -> Delayed {
    let (site, inputs) = (node.site, node.inputs)
    return Delayed(
      node: DelayedNode.make(
        at: DelayedSiteReference(label ?? site.label, site.place, kind ?? site.kind, extras), on: inputs,
        isInSlot: node.isInSlot, body: node.body))
  }
}

/// Makes all computations that `make` makes with these traits: each may say otherwise about itself.
public func annotating<Result>(_ traits: TaskTraits, _ make: () throws -> Result) rethrows -> Result {
  Annotations.everUsed.store(true, ordering: .relaxed)
  return try Annotations.$traits.withValue(traits, operation: make)
}

/// What a scope says about the computations made in it.
@usableFromInline
package enum Annotations {
  @TaskLocal package static var traits: TaskTraits?

  /// Scopes that were ever entered: programs without any need not look for the task-local value, which takes longer than
  /// all else about a computation.
  static let everUsed = Atomic<Bool>(false)

  /// The same as extras; nil in most programs.
  package static var extras: DelayedExtras? {
    // Relaxed: who is inside a scope has entered it, and sees that.
    if !everUsed.load(ordering: .relaxed) { return nil }
    return traits.map { DelayedExtras(traits: $0) }
  }
}
