import Glibc
import MartletSystem

/// Samples of what the process uses, at equal distances: every 10 ms first; when they are `limit`, every second one is dropped
/// and the distance is doubled. So there are always between `limit / 2` and `limit` of them after a while, however long it
/// takes.
struct ResourceSampler {
  private(set) var samples: [RunRecord.Sample] = []
  private let limit: Int
  private var distance: UInt64 = 10_000_000
  private var next: UInt64 = 0

  init(limit: Int) { self.limit = max(4, limit) }

  /// Takes a sample when it is time to.
  mutating func tick(at now: UInt64) {
    if now >= next { sample(at: now) }
  }

  /// Takes a sample.
  mutating func sample(at now: UInt64) {
    // Between the last one and this one some time has to go by, so that their difference says something.
    if let last = samples.last, now < last.time + 1_000_000 { return }
    add(
      RunRecord.Sample(
        time: now, processorNanoseconds: Self.processorNanoseconds, residentBytes: Int(martlet_resident_bytes())))
  }

  mutating func add(_ sample: RunRecord.Sample) {
    if samples.count >= limit {
      samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      distance *= 2
    }
    samples.append(sample)
    // Less than half a tick early is in time: ticks are not exact.
    next = sample.time + distance - 4_000_000
  }

  static var processorNanoseconds: UInt64 {
    var time = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
