import Glibc
import MartletSystem
import Synchronization

/// One thread that owns sockets and timers, and calls their owners.
///
/// A turn: wait for events; handle them; fire the timers that are due; run what other threads submitted; then write what
/// was queued, and tell the owners of closed connections. So everything that is sent in one turn leaves in one system
/// call a connection. README.md has the argument why no wake-up is lost.
///
/// A loop lives until `shutdown`; dropping the last reference does not end it.
package final class EventLoop: @unchecked Sendable {
  // Sendable: `submissions`, `identity` and `hasStopped` are made for all threads; everything else is touched in turns only,
  // which the functions check, or is `poll`, which belongs to who waits for events meanwhile.
  package let name: String
  package let settings: LoopSettings

  private let poll: EventPoll
  private let submissions: Submissions
  let resolver = Resolver()
  private let identity = Atomic<UInt>(0)
  /// 0 while the loop runs, then 1. A word that threads sleep on.
  private let hasStopped = UnsafeMutablePointer<Atomic<UInt32>>.allocate(capacity: 1)

  @exclusivity(unchecked) private var channels: [Channel?] = []
  @exclusivity(unchecked) private var generations: [UInt32] = []
  private var freeSlots: [Int] = []
  @exclusivity(unchecked) private var marked: [Channel] = []
  @exclusivity(unchecked) private var ending: [Channel] = []
  @exclusivity(unchecked) private var running: [Submissions.Work] = []
  @exclusivity(unchecked) var timers = TimerHeap()
  @exclusivity(unchecked) private var isStopping = false
  /// Held during a turn, not while the loop waits: who has it is the loop's thread for that long.
  private let turnLock = NetLock()
  /// Whether a thread waits for events, which are that one's to handle.
  @exclusivity(unchecked) private var isWaitedFor = false
  /// Whether somebody waits in the place of the loop's own thread, or takes the turn that this led to.
  @exclusivity(unchecked) private var isWaitedInPlace = false
  /// Whether the loop's own thread should stand aside, and lets the threads that take turns do all. Changed in turns.
  private let isAside = Atomic<Bool>(false)
  @exclusivity(unchecked) private var standIn = StandIn()
  /// Counted up when the loop's own thread should go back to its place. A word that it sleeps on.
  private let recalls = UnsafeMutablePointer<Atomic<UInt32>>.allocate(capacity: 1)
  /// Until when the loop sleeps, or may: for who arms an earlier timer in a turn that is not the loop's own.
  @exclusivity(unchecked) private var sleepsUntil: UInt64 = 0

  /// The time at which this turn's events were seen, in nanoseconds of a monotonic clock. On the loop's thread.
  @exclusivity(unchecked) package private(set) var now: UInt64
  /// How often the loop has slept, and how long it has polled, in vain or not: for tests and metrics. On the loop's thread.
  package var sleeps: Int { poll.sleeps }
  package var polledNanoseconds: UInt64 { poll.polledNanoseconds }

  /// Where all connections read to; valid only inside a call of a delegate.
  let receiveBuffer: UnsafeMutableRawBufferPointer
  let chunks: ChunkPool
  let vector = UnsafeMutablePointer<iovec>.allocate(capacity: OutputQueue.vectorCapacity)
  let remoteVector = UnsafeMutablePointer<iovec>.allocate(capacity: OutputQueue.vectorCapacity)

  /// Starts the thread.
  /// - Throws: `NetworkError` when the system refuses a descriptor or a thread.
  package init(name: String, settings: LoopSettings = LoopSettings()) throws(NetworkError) {
    poll = try EventPoll(limitNanoseconds: settings.pollLimit.nanoseconds)
    self.name = name
    self.settings = settings
    submissions = Submissions(bell: poll.bell)
    now = martlet_monotonic_nanoseconds()
    receiveBuffer = .allocate(byteCount: max(4096, settings.receiveBufferBytes), alignment: 64)
    chunks = ChunkPool(chunkBytes: max(256, settings.chunkBytes), kept: settings.keptChunks)
    hasStopped.initialize(to: Atomic(0))
    recalls.initialize(to: Atomic(0))
    let started = startNetThread(name) { self.run() }
    if started < 0 {
      poll.close()
      throw .noThread("the event loop \"\(name)\"", -started)
    }
  }

  deinit {
    hasStopped.deinitialize(count: 1)
    hasStopped.deallocate()
    recalls.deinitialize(count: 1)
    recalls.deallocate()
    receiveBuffer.deallocate()
    vector.deallocate()
    remoteVector.deallocate()
  }

  // MARK: From any thread

  /// Runs `work` on the loop's thread, after what was submitted before it. Many submissions make one wake-up.
  /// - Returns: False when the loop was shut down; `work` is then dropped.
  @discardableResult
  package func execute(_ work: @escaping @Sendable () -> Void) -> Bool { submissions.add(work) }

  /// Whether the caller is on the loop's thread, or takes a turn in its place.
  package var isOnLoop: Bool { identity.load(ordering: .relaxed) == martlet_thread_identity() }

  /// Ends the loop: what was submitted still runs, then every socket is closed and its owner told (`.stopped`), then
  /// the thread ends. What connections had queued is dropped; `Connection.finish` them before. Returns at once.
  package func shutdown() {
    execute { [self] in isStopping = true }
  }

  /// Waits until the loop has closed all its descriptors. Not on the loop's thread.
  package func waitUntilStopped() {
    if isOnLoop { misuse("the event loop \"\(name)\" cannot wait for its own end") }
    // Acquires all that the loop did; pairs with the store at the end of run().
    while hasStopped.pointee.load(ordering: .acquiring) == 0 { martlet_futex_wait(hasStopped, 0) }
  }

  /// Stops the program unless the caller is on the loop's thread.
  package func requireOnLoop(file: StaticString = #fileID, line: UInt = #line) {
    if !isOnLoop { misuse("only the thread of the event loop \"\(name)\" may do this", file: file, line: line) }
  }

  /// Takes a turn in the loop's place, unless it is in one: runs `work` on the caller's thread, which is the loop's for so long, and
  /// writes what it has queued. For threads that have something for the loop and would otherwise wake it only to be told
  /// what they do next. Never waits.
  ///
  /// Where turns are taken one soon after the other the loop's own thread stands aside (`StandIn`), and they also do what it would
  /// have done: events, timers and submitted work.
  ///
  /// - Parameter isSoonFollowed: Whether the caller will take the next turn very soon, or will wait in the loop's place.
  /// - Returns: False when the loop is in a turn, or was shut down; `work` was not run then.
  package func takeTurn(isSoonFollowed: Bool = false, _ work: () -> Void) -> Bool {
    guard turnLock.tryLock() else { return false }
    defer { turnLock.unlock() }
    if isStopping { return false }
    identity.store(martlet_thread_identity(), ordering: .relaxed)
    defer { identity.store(0, ordering: .relaxed) }
    let isWhole = isAside.load(ordering: .relaxed) && !isWaitedFor
    let count = isWhole ? poll.look() : 0
    now = martlet_monotonic_nanoseconds()
    if isWhole { beginTurn(count) }
    work()
    endTurn()
    // What is left, and what comes earlier than the loop expects, is for who waits, or the next turn.
    if !marked.isEmpty || (timers.next ?? .max) < sleepsUntil { submissions.wake() }
    if standIn.took(isSoonFollowed: isSoonFollowed) {
      isAside.store(true, ordering: .relaxed)
    } else if !isWaitedInPlace {
      recall()
    }
    return true
  }

  /// Waits for events in the place of the loop's thread, which stands aside, and takes the turns that they lead to, as long as
  /// `isNeeded`: for a thread that takes turns and has nothing else to do. What it waits for comes with a turn, its own or
  /// one that somebody else takes, who then calls `wakeInPlace`.
  ///
  /// - Parameter limit: Nanoseconds. When it has waited so long in vain, the loop's own thread goes back to its place.
  /// - Returns: False when somebody else waits already, who may be the loop's own thread, or the loop was shut down.
  package func waitInPlace(atMost limit: UInt64, while isNeeded: () -> Bool) -> Bool {
    guard isAside.load(ordering: .relaxed) else { return false }
    turnLock.lock()
    defer { turnLock.unlock() }
    guard isAside.load(ordering: .relaxed), !isWaitedFor, !isStopping else { return false }
    isWaitedInPlace = true
    defer { isWaitedInPlace = false }
    let end = martlet_monotonic_nanoseconds() + limit
    while !isStopping, isNeeded() {
      let start = martlet_monotonic_nanoseconds()
      if start >= end {
        recall()
        break
      }
      turn(from: start, until: end)
    }
    if isStopping { recall() }
    return true
  }

  /// Whether the loop's own thread stands aside, or will after its next turn: for tests. From any thread.
  var standsAside: Bool { isAside.load(ordering: .relaxed) }

  /// Ends the wait of who waits in the loop's place: what it waits for has come. In turns only, as what it looks at changes in turns
  /// only; so it has not looked yet, or is told.
  package func wakeInPlace() {
    requireOnLoop()
    if isWaitedInPlace { submissions.wake() }
  }

  // MARK: On the loop's thread

  /// Calls `action` once, `delay` from now. Keep the timer to disarm it.
  @discardableResult
  package func schedule(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> LoopTimer {
    let timer = LoopTimer(loop: self, action: action)
    timer.arm(after: delay)
    return timer
  }

  /// Sockets that the loop watches.
  package var channelCount: Int { channels.count - freeSlots.count }

  /// Takes `channel` in: it gets a token, and is told when the loop stops.
  func enter(_ channel: Channel) {
    let slot = freeSlots.popLast() ?? channels.count
    if slot == channels.count {
      channels.append(nil)
      generations.append(0)
    }
    channels[slot] = channel
    channel.token = UInt64(generations[slot]) << 32 | UInt64(slot)
  }

  /// Forgets `channel`; events of this turn that were meant for it are dropped. Its descriptor is not watched any more.
  func leave(_ channel: Channel) {
    if channel.token == Channel.unregistered { return }
    let slot = Int(channel.token & 0xffff_ffff)
    channels[slot] = nil
    generations[slot] &+= 1
    freeSlots.append(slot)
    channel.token = Channel.unregistered
  }

  /// Watches `descriptor` for `channel`, which has entered; 0 or a negative errno.
  func watch(_ channel: Channel, _ descriptor: Int32, waitsFor: UInt32) -> Int32 {
    poll.watch(descriptor, waitsFor: waitsFor, token: channel.token)
  }

  func unwatch(_ descriptor: Int32) { poll.unwatch(descriptor) }

  func change(_ channel: Channel, _ descriptor: Int32, waitsFor: UInt32) {
    poll.change(descriptor, waitsFor: waitsFor, token: channel.token)
  }

  /// Calls `channel.endOfTurn` when this turn ends, once.
  func mark(_ channel: Channel) {
    if channel.isMarked { return }
    channel.isMarked = true
    marked.append(channel)
  }

  // MARK: The thread

  private func run() {
    turnLock.lock()
    while !isStopping {
      if isAside.load(ordering: .relaxed) {
        standAside()
      } else {
        turn(from: martlet_monotonic_nanoseconds(), until: .max)
      }
    }
    identity.store(martlet_thread_identity(), ordering: .relaxed)
    stop()
    turnLock.unlock()
  }

  /// Waits for events and handles them; with the turn's lock, which is not held meanwhile.
  private func turn(from start: UInt64, until limit: UInt64) {
    let due = marked.isEmpty ? min(limit, timers.next ?? .max) : start
    sleepsUntil = due
    isWaitedFor = true
    turnLock.unlock()
    let count = poll.wait(for: submissions, from: start, until: due)
    turnLock.lock()
    isWaitedFor = false
    identity.store(martlet_thread_identity(), ordering: .relaxed)
    now = martlet_monotonic_nanoseconds()
    beginTurn(count)
    endTurn()
    identity.store(0, ordering: .relaxed)
  }

  private func beginTurn(_ count: Int) {
    if count > 0 { handleEvents(count) }
    if timers.count > 0 { fireTimers() }
    runSubmissions()
  }

  /// Leaves everything to those who take turns, until none was taken for a while; with the turn's lock, which is not held meanwhile.
  private func standAside() {
    let taken = standIn.taken
    let word = recalls.pointee.load(ordering: .relaxed)
    turnLock.unlock()
    martlet_futex_wait_for(recalls, word, StandIn.silenceNanoseconds)
    turnLock.lock()
    if standIn.taken == taken, !isWaitedFor { recall() }
  }

  /// Lets the loop's own thread go back to its place, where nobody waits for events; with the turn's lock.
  private func recall() {
    guard isAside.load(ordering: .relaxed) else { return }
    isAside.store(false, ordering: .relaxed)
    standIn.reset()
    recalls.pointee.wrappingAdd(1, ordering: .relaxed)
    martlet_futex_wake(recalls, 1)
  }

  private func handleEvents(_ count: Int) {
    for index in 0..<count {
      let event = poll.events[index]
      let slot = Int(event.token & 0xffff_ffff)
      // The bell, or a channel that an earlier event of this turn closed.
      guard slot < channels.count, let channel = channels[slot], channel.token == event.token else { continue }
      channel.handle(event.happened)
    }
  }

  private func fireTimers() {
    // Timers that an action arms wait for the next turn, so that sockets get theirs in between.
    let sequence = timers.sequence
    while let timer = timers.popDue(now: now, sequence: sequence) { timer.action() }
  }

  private func runSubmissions() {
    // Acquires nothing by itself; the lock in take() does.
    guard submissions.isPending.load(ordering: .relaxed) else { return }
    submissions.take(&running)
    for work in running { work() }
    running.removeAll(keepingCapacity: true)
  }

  private func endTurn() {
    // A flush or the word that a connection was closed may make others send; a few rounds, then the next turn.
    for _ in 0..<4 where !marked.isEmpty {
      swap(&marked, &ending)
      for channel in ending {
        channel.isMarked = false
        channel.endOfTurn()
      }
      ending.removeAll(keepingCapacity: true)
    }
  }

  private func stop() {
    repeat {
      runSubmissions()
      endTurn()
      for channel in channels { channel?.loopStops() }
      endTurn()
    } while !marked.isEmpty || channelCount > 0 || !submissions.closeIfEmpty()
    timers.removeAll()
    chunks.removeAll()
    poll.close()
    // The system gives the number to another thread when this one has ended.
    identity.store(0, ordering: .relaxed)
    // Publishes all that the loop did; pairs with the load in waitUntilStopped(). Nothing of `self` but the word and the
    // turn's lock is touched after it, and the thread still holds a reference.
    hasStopped.pointee.store(1, ordering: .releasing)
    martlet_futex_wake(hasStopped, Int32.max)
  }
}
