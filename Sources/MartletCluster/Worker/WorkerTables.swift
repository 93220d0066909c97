import MartletWorker

/// What the worker's loop looks at several times for each task.
///
/// It lies in memory of its own: at each access to a stored property of an object that may be changed, Swift asks whether
/// somebody else is at it, a hundred instructions. That was an eighth of all that a worker did for a short task. Who uses it is
/// on the loop's thread, or has its turn.
struct WorkerTables {
  var core: WorkerCore
  /// What the core has asked for, and what of that is being done.
  var actions: [WorkerAction] = []
  var due: [WorkerAction] = []
  var values: [HeldValue] = []
  var runs: [BodyRun?] = []
  var pendingRuns: [BodyRun] = []
  var ended: [BodyRun] = []
  var counters = WorkerCounters()
  /// Of the last bodies.
  var averageNanoseconds = WorkerTables.longBody

  static let longBody: Int64 = 10_000_000
}

extension WorkerShell {
  var core: WorkerCore {
    _read { yield tables.pointee.core }
    _modify { yield &tables.pointee.core }
  }
  var actions: [WorkerAction] {
    _read { yield tables.pointee.actions }
    _modify { yield &tables.pointee.actions }
  }
  var due: [WorkerAction] {
    _read { yield tables.pointee.due }
    _modify { yield &tables.pointee.due }
  }
  var values: [HeldValue] {
    _read { yield tables.pointee.values }
    _modify { yield &tables.pointee.values }
  }
  var runs: [BodyRun?] {
    _read { yield tables.pointee.runs }
    _modify { yield &tables.pointee.runs }
  }
  var pendingRuns: [BodyRun] {
    _read { yield tables.pointee.pendingRuns }
    _modify { yield &tables.pointee.pendingRuns }
  }
  var ended: [BodyRun] {
    _read { yield tables.pointee.ended }
    _modify { yield &tables.pointee.ended }
  }
  var counters: WorkerCounters {
    _read { yield tables.pointee.counters }
    _modify { yield &tables.pointee.counters }
  }
  var averageNanoseconds: Int64 {
    _read { yield tables.pointee.averageNanoseconds }
    _modify { yield &tables.pointee.averageNanoseconds }
  }
}
