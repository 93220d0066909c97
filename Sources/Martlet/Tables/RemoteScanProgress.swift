import MartletEngine
import Synchronization

/// Tells the progress of a query how many partitions of a round are scanned in other processes, which say so some times a second.
final class RemoteScanProgress: RunObserver {
  private let progress: RunProgress
  private let partitions: Int
  private let bytes: Int
  /// Who wants to hear of the runs, too.
  private let next: (any RunObserver)?
  /// What the progress has been told of this round.
  private let told = Mutex((partitions: 0, bytes: 0))

  /// What scans are labelled.
  static let label = "scan"

  /// - Parameters:
  ///   - partitions: How many the round has.
  ///   - bytes: What they take in the files.
  ///   - next: Is told of the runs as well.
  init(_ progress: RunProgress, partitions: Int, bytes: Int, next: (any RunObserver)?) {
    self.next = next
    self.progress = progress
    self.partitions = partitions
    self.bytes = bytes
  }

  func runBegan(_ run: ObservedRun) { next?.runBegan(run) }

  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {
    tell(labels.first { $0.label == Self.label }?.finished ?? 0)
    next?.runAdvanced(run, labels)
  }

  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) {
    next?.runEnded(run, at: nanoseconds, error: error)
  }

  /// All of the round is done, whether the executor has told so or not.
  func roundEnded() { tell(partitions) }

  /// So many are done; they are taken to be of one size.
  private func tell(_ done: Int) {
    told.withLock { told in
      let done = min(partitions, done)
      guard done > told.partitions else { return }
      let read = done == partitions ? bytes : bytes / partitions * done
      progress.partitions.wrappingAdd(done - told.partitions, ordering: .relaxed)
      progress.bytes.wrappingAdd(read - told.bytes, ordering: .relaxed)
      told = (done, read)
    }
  }
}
