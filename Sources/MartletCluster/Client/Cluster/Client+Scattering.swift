public import MartletBytes
import MartletGraph
import MartletProtocol

extension Client {
  /// Puts a value onto the cluster, for tasks that need it.
  ///
  /// A small one stays with the scheduler, and is brought again to another one. A larger one goes to a worker; when that
  /// worker is lost, so is the value, unless it was kept by others too. Equal values have one key.
  ///
  /// - Parameters:
  ///   - workers: Names or addresses of those that a large value may go to; empty: all.
  ///   - broadcasts: Whether a large value is kept by as many workers as there are to choose from; the further copies are
  ///     made in the background, by the workers.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await scatter")
  public func scatter<Value: PortableValue>(
    _ value: Value, label: String = "scattered", workers: [String] = [], broadcasts: Bool = false
  ) throws -> ClusterFuture<Value> {
    let futures: [ClusterFuture<Value>] = try scatter(
      each: [value], label: label, workers: workers, broadcasts: broadcasts)
    return futures[0]
  }

  /// Puts a value onto the cluster, for tasks that need it.
  ///
  /// - Throws: `ClusterError`.
  public func scatter<Value: PortableValue>(
    _ value: Value, label: String = "scattered", workers: [String] = [], broadcasts: Bool = false
  ) async throws -> ClusterFuture<Value> {
    let futures: [ClusterFuture<Value>] = try await scatter(
      each: [value], label: label, workers: workers, broadcasts: broadcasts)
    return futures[0]
  }

  /// Puts values onto the cluster, large ones spread over the workers by their threads.
  ///
  /// - Parameters:
  ///   - workers: Names or addresses of those that large values go to; empty: all.
  ///   - broadcasts: Whether each large value is kept by as many workers as there are to choose from; the further copies are
  ///     made in the background, by the workers.
  /// - Throws: `ClusterError`, also when there is no worker for a large value.
  @available(*, noasync, message: "use await scatter")
  public func scatter<Value: PortableValue>(
    each values: [Value], label: String = "scattered", workers names: [String] = [], broadcasts: Bool = false
  ) throws -> [ClusterFuture<Value>] {
    let load = try ScatterLoad(values, label, link)
    let places = try ScatterLoad.chosen(names, of: load.hasLarge || !names.isEmpty ? try workers() : [])
    let futures = try load.post(places).map { ClusterFuture<Value>($0) }
    let large = zip(futures, load.isLarge).filter { $1 }.map(\.0)
    if broadcasts, places.count > 1 { try replicate(large, copies: places.count) }
    return futures
  }

  /// Puts values onto the cluster, large ones spread over the workers by their threads.
  ///
  /// - Parameters:
  ///   - workers: Names or addresses of those that large values go to; empty: all.
  ///   - broadcasts: Whether each large value is kept by as many workers as there are to choose from; the further copies are
  ///     made in the background, by the workers.
  /// - Throws: `ClusterError`, also when there is no worker for a large value.
  public func scatter<Value: PortableValue>(
    each values: [Value], label: String = "scattered", workers names: [String] = [], broadcasts: Bool = false
  ) async throws -> [ClusterFuture<Value>] {
    let load = try ScatterLoad(values, label, link)
    let places = try ScatterLoad.chosen(names, of: load.hasLarge || !names.isEmpty ? try await workers() : [])
    let futures = try load.post(places).map { ClusterFuture<Value>($0) }
    let large = zip(futures, load.isLarge).filter { $1 }.map(\.0)
    if broadcasts, places.count > 1 { try await replicate(large, copies: places.count) }
    return futures
  }
}

/// Values that become bytes, on their way.
private struct ScatterLoad {
  private let link: ClientLink
  private var values: [ScatteredValue] = []
  private var data: [WrittenBytes] = []

  /// What one message may take.
  private static let messageBytes = 4 << 20

  init<Value: PortableValue>(_ list: [Value], _ label: String, _ link: ClientLink) throws(ClusterError) {
    self.link = link
    let type = Value.portableTypeName
    guard link.registry.valueType(named: type) != nil else {
      throw ClusterError(
        .wrongType, "the type \(type) is not registered in this process",
        "Call TaskFunctions.register(value:) with it before the client is made")
    }
    for value in list {
      // Long arrays stay where they are, and go to the worker from there.
      let bytes = try ScatterLoad.written(value)
      let digest = bytes.literalDigest(type)
      let isSmall = bytes.byteCount <= WireLimits.inlineResultBytes
      values.append(
        ScatteredValue(
          digest: digest, label: label, type: type, byteCount: Int64(bytes.byteCount), holders: [],
          bytes: isSmall ? bytes.bytes : nil))
      data.append(bytes)
    }
  }

  private static func written<Value: PortableValue>(_ value: Value) throws(ClusterError) -> WrittenBytes {
    var writer = ByteWriter(sharingFrom: ByteSegment.leastBytes)
    value.write(to: &writer)
    if let failure = writer.failure {
      throw ClusterError(.wrongType, "a \(Value.self) cannot be written: \(failure)", "Correct the value")
    }
    return WrittenBytes(writer)
  }

  /// The workers that were asked for; all when none is named.
  static func chosen(_ names: [String], of workers: [ClusterWorker]) throws(ClusterError) -> [ClusterWorker] {
    if names.isEmpty { return workers.filter { $0.status == "running" } }
    if let missing = names.first(where: { name in !workers.contains { $0.name == name || $0.address == name } }) {
      throw ClusterError(.denied, "there is no worker \(missing) to put values onto", "Name one that is there")
    }
    return workers.filter { $0.status == "running" && (names.contains($0.name) || names.contains($0.address)) }
  }

  /// Which values do not stay with the scheduler.
  var isLarge: [Bool] { values.map { $0.bytes == nil } }

  var hasLarge: Bool { values.contains { $0.bytes == nil } }

  /// Sends all of it: small values to the scheduler, large ones to workers.
  func post(_ workers: [ClusterWorker]) throws(ClusterError) -> [FutureToken] {
    let tokens = values.map { FutureToken(ResultCell(digest: $0.digest), link) }
    var small: [Int] = []
    var smallBytes = 0
    func postSmall() throws(ClusterError) {
      if !small.isEmpty { try post(small, to: nil, tokens) }
      small = []
      smallBytes = 0
    }
    let places = workers
    if hasLarge, places.isEmpty {
      throw ClusterError(.denied, "there is no worker to put a large value onto", "Start a worker, then try again")
    }
    // Who has got least for its threads gets the next one.
    var given = [Double](repeating: 0, count: places.count)
    for (number, value) in values.enumerated() {
      if value.bytes != nil {
        small.append(number)
        smallBytes += Int(value.byteCount) + 128
        if smallBytes > ScatterLoad.messageBytes { try postSmall() }
        continue
      }
      let load = { (place: Int) in given[place] / Double(max(1, places[place].threads)) }
      guard let best = places.indices.min(by: { load($0) < load($1) }) else { continue }
      given[best] += Double(value.byteCount)
      let place = PeerRef(worker: WorkerID(rawValue: UInt32(places[best].id)), address: places[best].address)
      try post([number], to: place, tokens)
    }
    try postSmall()
    return tokens
  }

  private func post(_ numbers: [Int], to place: PeerRef?, _ tokens: [FutureToken]) throws(ClusterError) {
    let order = ScatterOrder(
      values: numbers.map { values[$0] }, cells: numbers.map { tokens[$0].cell }, place: place,
      data: place == nil ? [] : numbers.map { data[$0] })
    let bytes = numbers.reduce(0) { $0 + Int(values[$1].byteCount) }
    guard link.post(.scatter(order), size: bytes, waits: true) else { throw link.closedError }
  }
}
