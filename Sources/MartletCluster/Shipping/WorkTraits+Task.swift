package import MartletGraph
package import MartletProtocol

extension WorkTraits {
  /// The traits of a task as a cluster respects them.
  package init(_ traits: TaskTraits) {
    self.init()
    priority = traits.priority
    if let retry = traits.retry {
      retries = UInt16(clamping: retry.limit)
      retryDelayNanoseconds = retry.delay.wholeNanoseconds
      retryFactor = min(retry.factor, 1e6)
      retryLongestDelayNanoseconds = retry.longestDelay.wholeNanoseconds
    }
    // 0 would be no limit.
    if let timeout = traits.timeout { timeoutNanoseconds = max(1, timeout.wholeNanoseconds) }
    estimatedResultBytes = Int64(max(0, traits.estimatedResultBytes))
    isSource = traits.isSource
    isBlocking = traits.isBlocking
    workers = traits.workers
    allowsOtherWorkers = traits.allowsOtherWorkers
    for need in traits.resources.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      if let last = resources.last, last.name == need.name {
        resources[resources.count - 1].amount = last.amount.addingSaturated(Int64(need.amount))
      } else {
        resources.append(ResourceAmount(name: need.name, amount: Int64(need.amount)))
      }
    }
  }
}

extension Duration {
  /// Whole nanoseconds; as many as there can be where there are more.
  fileprivate var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : whole.addingSaturated(attoseconds / 1_000_000_000)
  }
}

extension Int64 {
  fileprivate func addingSaturated(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
