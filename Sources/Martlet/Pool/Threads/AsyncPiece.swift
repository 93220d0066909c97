/// What an asynchronous task does until its next suspension, as Swift hands it over.
final class AsyncPiece: AnyFuture, @unchecked Sendable {
  // Sendable: constant.
  private let job: UnownedJob

  init(core: PoolCore, _ job: UnownedJob) {
    self.job = job
    super.init(core: core, priority: .normal)
  }

  override func run() -> Bool {
    // It is not the synchronous task that may be waiting further down on this stack.
    let thread = PoolThread.current
    let below = thread?.task
    thread?.task = nil
    job.runSynchronously(on: core.asUnownedTaskExecutor())
    thread?.task = below
    return true
  }
}
