import MartletEngine
import MartletNet
import MartletWorker

/// What a body has to say besides its end.
enum BodyNews: Sendable {
  /// It waits. Whether its thread sleeps.
  case waits(ExecutionID, holdsThread: Bool)
  /// It could go on.
  case awake(ExecutionID)
}

// Bodies that wait. An asynchronous one leaves its thread; a blocking one keeps it, and another thread takes its place: so many as
// `count` run in any case, and when one comes back another one ends.

extension BodyThreads {
  // MARK: Bodies without a thread

  /// An asynchronous body waits. Said before anybody can say that it is awake.
  func isParked(_ run: BodyRun) { post(.waits(run.execution, holdsThread: false)) }

  /// An asynchronous body could go on.
  func isAwake(_ run: BodyRun) {
    // Nobody is asked any more: what has begun comes to its end, so that nothing of it is left.
    if isEnding { return goOn(run) }
    post(.awake(run.execution))
  }

  /// Lets a body go on; on the loop's thread.
  func resume(_ run: BodyRun) {
    if run.place.isTaken { return run.place.allow() }
    if run.isBlocking { return goOn(run) }
    enqueueResumed(run)
  }

  /// Goes on with an asynchronous body on a thread of its own.
  func goOn(_ run: BodyRun) {
    occupyThread { [self] seat in if seat.goOn(run) { handBack(run, isTold: true) } }
  }

  /// Nothing is decided any more: bodies that wait are cancelled, and go on by themselves to their ends.
  func release(_ run: BodyRun) {
    run.cancel()
    run.place.allow()
    if run.isAsyncAwake { goOn(run) }
  }

  // MARK: Bodies that sleep on their threads

  /// A body begins to wait on its thread.
  ///
  /// - Returns: False when everything ends: it waits as it is.
  func rests(_ run: BodyRun, _ seat: BodySeat, _ wake: @escaping @Sendable () -> Void) -> Bool {
    if isEnding { return false }
    run.rests(wake)
    if !run.isBlocking { giveWay() }
    post(.waits(run.execution, holdsThread: true))
    return true
  }

  /// A body that has waited on its thread goes on when it may.
  func goesOn(_ run: BodyRun, _ seat: BodySeat) {
    post(.awake(run.execution))
    run.place.leave(unless: { isEnding })
    if !run.isBlocking { takeBack() }
    run.restIsOver()
  }

  // MARK: News

  func post(_ item: BodyNews) {
    newsLock.withLock { news.append(item) }
    signal?.notify()
  }

  /// Exchanges what bodies have said with `list`, which is empty; on the loop's thread.
  func takeNews(_ list: inout [BodyNews]) {
    newsLock.withLock { swap(&news, &list) }
  }
}
