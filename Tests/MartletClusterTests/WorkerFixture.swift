import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletWorker
import Testing

@testable import MartletCluster
@testable import MartletGraph

/// A scheduler, workers and a client in this process.
final class TestCluster {
  private(set) var scheduler: TestScheduler
  let registry: TaskFunctionRegistry
  private(set) var workers: [TestWorker] = []
  let client: GraphClient
  let directory: String
  private let secret: String

  init(
    secret: String = "", _ adjust: (inout SchedulerServerSettings) -> Void = { _ in },
    registering: (inout TaskFunctionRegistry) throws -> Void = { _ in }
  ) throws {
    self.secret = secret
    scheduler = try TestScheduler {
      $0.secret = Array(secret.utf8)
      adjust(&$0)
    }
    var registry = try workerRegistry()
    try registering(&registry)
    self.registry = registry
    client = GraphClient(registry, secret: secret)
    directory = "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try client.connect(to: scheduler, ScriptedPeer.settings(.client, secret: secret))
    let client = client
    let isThere = eventually { client.agreement.now != nil }
    #expect(isThere)
  }

  /// Adds a worker, and waits until it is taken in.
  @discardableResult
  func add(_ name: String, _ adjust: (inout WorkerServerSettings) -> Void = { _ in }) throws -> TestWorker {
    let secret = secret
    let worker = try TestWorker(name, port: scheduler.port, registry, directory: directory) {
      $0.secret = Array(secret.utf8)
      adjust(&$0)
    }
    workers.append(worker)
    #expect(eventually { worker.hasLine("the scheduler has taken this worker in") }, "\(worker.lines.now)")
    return worker
  }

  /// Ends the scheduler; another one takes its port.
  func restartScheduler() throws {
    let port = scheduler.port
    scheduler.end()
    scheduler = try TestScheduler {
      $0.port = port
      $0.core.epoch = 78
    }
  }

  /// Ends all, and expects that nothing is left.
  func end() {
    for worker in workers { worker.server.stop() }
    for worker in workers { worker.server.waitUntilEnded() }
    client.closeFetchers()
    scheduler.end()
    #expect(eventually { !threadNames().contains { $0.hasPrefix("body-") || $0 == "worker" || $0 == "files" } })
    if let left = opendir(directory) {
      while let entry = readdir(left) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        #expect(name == "." || name == "..", "\(name) is left")
      }
      closedir(left)
      rmdir(directory)
    }
  }
}

/// A worker, and what it logs.
final class TestWorker: Sendable {
  let server: WorkerServer
  let lines = Shared<[String]>([])

  init(
    _ name: String, port: Int, _ registry: TaskFunctionRegistry, directory: String,
    _ adjust: (inout WorkerServerSettings) -> Void = { _ in }
  ) throws {
    var settings = WorkerServerSettings(scheduler: "tcp://127.0.0.1:\(port)")
    settings.name = name
    settings.localDirectory = directory
    settings.log = Log(level: .debug) { [lines] level, message, fields in
      let line = Log.line(level, message, fields, format: .text, at: "")
      lines.with { $0.append(line) }
    }
    adjust(&settings)
    server = try WorkerServer(settings, registry: registry)
    try server.start()
  }

  func hasLine(_ part: String) -> Bool { lines.now.contains { $0.contains(part) } }

  /// Looks at the worker's tables; nil when it has ended.
  func inspect<Result: Sendable>(_ body: @escaping @Sendable (WorkerShell) -> Result) -> Result? {
    let result = Shared<Result?>(nil)
    let isHeard = server.inspect { shell in
      let value = body(shell)
      result.with { $0 = value }
    }
    _ = isHeard && eventually { result.with { $0 != nil } }
    return result.now
  }
}

/// A client that sends graphs, and fetches results from where they lie.
final class GraphClient: ScriptedPeer, @unchecked Sendable {
  let registry: TaskFunctionRegistry
  let handles = Shared<[UInt32: [TaskHandle]]>([:])
  let results = Shared<[TaskHandle: FinishedResult]>([:])
  let failures = Shared<[TaskHandle: FailureRecord]>([:])
  private var graphs: UInt32 = 0
  private var fetchers: [String: Fetcher] = [:]

  let secret: String

  init(_ registry: TaskFunctionRegistry, secret: String = "") {
    self.registry = registry
    self.secret = secret
  }

  /// What a graph was submitted as.
  struct Sent {
    var handles: [TaskHandle]
    var digests: [Digest128]
  }

  override func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    for message in try MessageBatch<SchedulerToClient>.messages(in: head) {
      switch message {
      case .accepted(let graph, let wanted): handles.with { $0[graph] = wanted }
      case .finished(let ends): results.with { for end in ends { $0[end.task] = end } }
      case .holders(let list):
        results.with { results in for held in list { results[held.task]?.holders = held.holders } }
      case .failed(let task, let failure): failures.with { $0[task] = failure }
      default: break
      }
    }
  }

  /// Submits a graph, and waits until its handles are there, in the order of `wanted`.
  func submit(_ graph: TaskGraph, _ wanted: [TaskID]) throws -> Sent {
    graphs += 1
    var shipment = try GraphShipment(graph, number: graphs, wanted: wanted, registry: registry)
    while let piece = try shipment.next() { say(ClientToScheduler.submit(piece)) }
    let number = graphs
    #expect(eventually { handles.with { $0[number] != nil } })
    let answered = try #require(handles.now[number])
    return Sent(handles: shipment.wantedPlaces.map { answered[$0] }, digests: shipment.wantedDigests)
  }

  /// Waits for all results.
  func wait(_ sent: Sent, seconds: Int = 60) -> Bool {
    eventually(seconds: seconds) {
      let failed = failures.now
      return results.with { results in sent.handles.allSatisfy { results[$0] != nil || failed[$0] != nil } }
    }
  }

  /// The bytes of a result, from the message or from a worker.
  func bytes(_ task: TaskHandle, _ digest: Digest128) throws -> [UInt8] {
    if let failure = failures.now[task] { throw Failed(record: failure) }
    let result = try #require(results.now[task])
    if let inline = result.inline { return inline }
    let address = try #require(result.holders.first)
    let fetcher = try fetchers[address] ?? Fetcher(address, self)
    fetchers[address] = fetcher
    return try #require(try fetcher.get(task, digest))
  }

  func value<Value: PortableValue>(_ sent: Sent, _ place: Int = 0, as type: Value.Type) throws -> Value {
    try Value(portableBytes: try bytes(sent.handles[place], sent.digests[place]))
  }

  func closeFetchers() {
    for fetcher in fetchers.values { fetcher.hangUp() }
    fetchers = [:]
  }

  struct Failed: Error {
    let record: FailureRecord
  }
}

/// Asks a worker for results.
final class Fetcher: SessionOwner, @unchecked Sendable {
  // Sendable: what tests look at is shared; the rest belongs to the loop's thread.
  let agreement = Shared<Handshake.Agreement?>(nil)
  let end = Shared<SessionEnd?>(nil)
  let session = Shared<Session?>(nil)
  let replies = Shared<[PeerReply]>([])
  private let values = Shared<[TaskHandle: [UInt8]]>([:])
  private let done = Shared<Set<UInt32>>([])
  private let requests = Shared<UInt32>(0)
  // The loop's thread.
  private var buffer: UnsafeMutableRawBufferPointer?
  private var task: TaskHandle?

  convenience init(_ address: String, _ client: GraphClient) throws {
    let loop = try #require(client.session.now?.loop)
    try self.init(address, on: loop, secret: client.secret)
  }

  init(_ address: String, on loop: EventLoop, secret: String = "") throws {
    let place = try #require(HostAndPort(address))
    var settings = ScriptedPeer.settings(.client, secret: secret)
    settings.accepted = [.worker]
    settings.bodyLimit = 1 << 30
    let session = try Session.connect(host: place.host, port: place.port, on: loop, settings: settings, owner: self)
    self.session.with { $0 = session }
    #expect(eventually { agreement.now != nil || end.now != nil })
  }

  deinit { buffer?.deallocate() }

  func say(_ message: some PortableValue & Sendable, body: [UInt8]? = nil) {
    guard let session = session.now else { return }
    session.loop.execute {
      guard let body else {
        try? session.send(message)
        return
      }
      _ = try? session.send(message, body: WrittenBytes(body))
    }
  }

  func hangUp() {
    guard let session = session.now else { return }
    session.loop.execute { session.finish(within: .zero) }
  }

  /// The bytes of a result; nil when it is not there.
  func get(_ task: TaskHandle, _ digest: Digest128) throws -> [UInt8]? {
    let number = requests.with {
      $0 += 1
      return $0
    }
    say(PeerRequest.get(request: number, [NamedTask(task: task, digest: digest)]))
    #expect(eventually { done.with { $0.contains(number) } || end.now != nil }, "\(replies.now)")
    return values.now[task]
  }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) { self.agreement.with { $0 = agreement } }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    for reply in try MessageBatch<PeerReply>.messages(in: head) {
      replies.with { $0.append(reply) }
      if case .done(let request) = reply { done.with { _ = $0.insert(request) } }
    }
  }

  func room(_ session: Session, head: [UInt8], byteCount: Int) throws(ByteError) -> UnsafeMutableRawBufferPointer? {
    guard case .data(_, let task, _, _) = try DataHead<PeerReply>(head, byteCount: byteCount).message else {
      return nil
    }
    self.task = task
    buffer?.deallocate()
    buffer = .allocate(byteCount: byteCount, alignment: 16)
    return buffer
  }

  func receivedData(_ session: Session, filled: Int, of count: Int) {
    guard filled == count, let buffer, let task else { return }
    values.with { $0[task] = [UInt8](buffer) }
  }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.end.with { $0 = end }
    self.session.with { $0 = nil }
  }
}

// MARK: Functions

/// Numbers of a generator, so many.
struct Numbers: PortableTaskFunction, Codable {
  static let name = "worker.numbers"
  static let version = 1
  var count: Int
  var seed: UInt64
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [UInt64] {
    Numbers.list(count, seed)
  }
  static func list(_ count: Int, _ seed: UInt64) -> [UInt64] {
    var word = seed
    return (0..<count).map { _ in
      word = word &* 6_364_136_223_846_793_005 &+ 1
      return word
    }
  }
}

/// The exclusive or of lists, and how long they are.
struct Mix: PortableTaskFunction, Codable {
  static let name = "worker.mix"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> UInt64 {
    try inputs.values(as: [UInt64].self).reduce(0) { $1.reduce($0 &+ UInt64($1.count)) { $0 ^ $1 } }
  }
  static func of(_ lists: [[UInt64]]) -> UInt64 {
    lists.reduce(0) { $1.reduce($0 &+ UInt64($1.count)) { $0 ^ $1 } }
  }
}

/// Doors that bodies wait at.
enum Doors {
  static let open = Shared<Set<Int>>([])
  static let begun = Shared<[Int: Int]>([:])
  static let cancelled = Shared<Set<Int>>([])
  static let next = Shared(0)

  /// A number that no other test uses.
  static func new() -> Int {
    next.with {
      $0 += 1
      return $0
    }
  }
}

/// Waits until its door is open, then gives the number of the door.
struct WaitAt: PortableTaskFunction, Codable {
  static let name = "worker.wait"
  static let version = 1
  var door: Int
  var heedsCancellation = true
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    Doors.begun.with { $0[door, default: 0] += 1 }
    while !Doors.open.with({ $0.contains(door) }) {
      if context.isCancelled {
        Doors.cancelled.with { _ = $0.insert(door) }
        if heedsCancellation { throw CancellationError() }
      }
      usleep(500)
    }
    return door
  }
}

/// A value whose type does not know what it takes.
struct Page: PortableValue, Codable, Equatable {
  var words: [String]
}

struct MakePage: PortableTaskFunction, Codable {
  static let name = "worker.page"
  static let version = 1
  var count: Int
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Page {
    Page(words: (0..<count).map { "word number \($0)" })
  }
}

struct CountPages: PortableTaskFunction, Codable {
  static let name = "worker.countpages"
  static let version = 1
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try inputs.value(0, as: [Page].self).reduce(0) { $0 + $1.words.count }
  }
}

func workerRegistry() throws -> TaskFunctionRegistry {
  var registry = try testRegistry()
  try registry.register(Numbers.self)
  try registry.register(Mix.self)
  try registry.register(WaitAt.self)
  try registry.register(MakePage.self)
  try registry.register(CountPages.self)
  return registry
}

extension TaskTraits {
  /// To be run where there is this resource.
  static func at(_ resource: String) -> TaskTraits {
    var traits = TaskTraits.none
    traits.resources = [ResourceNeed(resource)]
    return traits
  }
}

extension TestCluster {
  /// Whether the tables of scheduler and workers are empty.
  var isEmpty: Bool {
    let inScheduler = scheduler.inspect { $0.core.leftover() ?? "" }
    return inScheduler == "" && workers.allSatisfy { ($0.inspect { $0.core.leftover() ?? "" } ?? "") == "" }
  }

  /// What is wrong with the workers' tables.
  var brokenInvariant: String { workers.compactMap { $0.inspect { $0.core.brokenInvariant() } ?? nil }.joined() }
}
