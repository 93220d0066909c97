import MartletBytes
import MartletEngine
import Synchronization

/// Keeps results by their key, across computes in memory and, where they have bytes, across programs on disk.
///
///     let cache = try ResultCache(memory: 1 << 30, directory: "results")
///     if let known = cache.value(for: key, as: [Double].self) { return known }
///     let computed = simulate()
///     cache.store(computed, for: key, seconds: 12.5)
///
/// The key says what was computed from what (a digest of function, version and arguments): a result is never out of date,
/// only unknown. Where room is short those results go that took least time to compute for the bytes that they hold and
/// were not used for long; see `GreedyDualSize`.
///
/// **On disk** each value is a file with a checksum, written under another name and renamed when it is complete. Files that
/// are damaged, cut short, or of another version are a miss and are removed. Several processes may use one directory at
/// the same time; each then counts what it wrote and looks at the directory again now and then, so the budget
/// can be exceeded by a sixteenth for each of them. What cannot be written is not kept: that is counted, never thrown.
///
/// All methods may be called from any thread. Reading and writing files happens on the calling thread.
public final class ResultCache: Sendable {
  private let memory: MemoryResults
  private let disk: CacheDirectory?
  private let hits = Atomic<Int>(0)
  private let misses = Atomic<Int>(0)

  /// An empty cache, or one with what `directory` holds.
  ///
  /// - Parameters:
  ///   - bytes: The budget in memory; 0: nothing is kept there. Each result counts 128 bytes more than its value.
  ///   - directory: Where values with bytes are kept too; made when it is not there. Only files of caches are touched in it.
  ///   - diskBytes: The budget of that directory. Each file counts in steps of 4096 bytes.
  /// - Throws: `CacheError` when the directory cannot be used.
  /// - Complexity: Some 5 µs for each file in `directory`.
  public init(memory bytes: Int, directory: String? = nil, diskBytes: Int = 1 << 34) throws {
    memory = MemoryResults(budget: bytes)
    disk = try directory.map { try CacheDirectory($0, budget: diskBytes) }
  }

  // MARK: Any value

  /// The result for `key`, if it is known and of this very type.
  ///
  /// Types that are `PortableValue` are looked for on disk too, also when the caller does not know that they are.
  ///
  /// - Complexity: Some 0.2 µs in memory; on disk some 10 µs and 1 ns a byte.
  public func value<T: Sendable>(for key: Digest128, as type: T.Type = T.self) -> T? {
    if let value = memory.value(for: key, as: type) { return hit(value) }
    if let disk, let portable = type as? any PortableValue.Type, let value = load(portable, key, disk) as? T {
      return hit(value)
    }
    return miss()
  }

  /// Keeps a result in memory and, when its type is `PortableValue`, on disk.
  ///
  /// - Parameters:
  ///   - value: The result. It replaces what has the same key.
  ///   - key: The digest of all that the result depends on.
  ///   - bytes: The memory that the value takes, as far as anybody knows.
  ///   - seconds: How long it took to compute.
  public func store<T: Sendable>(_ value: T, for key: Digest128, bytes: Int, seconds: Double) {
    memory.store(value, for: key, bytes: bytes, seconds: seconds)
    if let disk, let value = value as? any PortableValue {
      disk.write(value.portableBytes(), for: key, type: CacheFile.digest(of: T.self), seconds: seconds)
    }
  }

  // MARK: Values with bytes

  /// The result for `key`, if it is known, in memory or on disk, and of this very type.
  ///
  /// - Complexity: Some 0.2 µs in memory; on disk some 10 µs and 1 ns a byte.
  public func value<T: Sendable & PortableValue>(for key: Digest128, as type: T.Type = T.self) -> T? {
    if let value = memory.value(for: key, as: type) { return hit(value) }
    if let disk, let value = load(type, key, disk) { return hit(value) }
    return miss()
  }

  /// Keeps a result in memory and on disk; its bytes are those of its portable form.
  ///
  /// - Parameters:
  ///   - value: The result. It replaces what has the same key.
  ///   - key: The digest of all that the result depends on.
  ///   - seconds: How long it took to compute.
  public func store<T: Sendable & PortableValue>(_ value: T, for key: Digest128, seconds: Double) {
    let bytes = value.portableBytes()
    memory.store(value, for: key, bytes: bytes.count, seconds: seconds)
    disk?.write(bytes, for: key, type: CacheFile.digest(of: T.self), seconds: seconds)
  }

  // MARK: All of it

  /// Forgets every result, in memory and on disk.
  public func removeAll() {
    memory.removeAll()
    disk?.removeAll()
  }

  /// What a cache did and holds.
  public struct Counters: Sendable, Hashable {
    /// Results that were asked for and known.
    public var hits = 0
    /// Of these, results that were read from disk.
    public var diskHits = 0
    /// Results that were asked for and not known.
    public var misses = 0
    /// Results that were dropped from memory, or not kept, because of its budget.
    public var evictions = 0
    /// Files that this cache removed because of the budget on disk.
    public var diskEvictions = 0
    /// Files that this cache removed because they were damaged.
    public var damagedFiles = 0
    /// Results that could not be written to disk.
    public var failedWrites = 0
    /// Results in memory.
    public var resultsInMemory = 0
    /// What they take, 128 bytes a result included.
    public var bytesInMemory = 0
    /// What the files take, as far as this process knows.
    public var bytesOnDisk = 0
  }

  /// What the cache did since it was made, and holds now.
  public var counters: Counters {
    var counters = Counters()
    counters.hits = hits.load(ordering: .relaxed)
    counters.misses = misses.load(ordering: .relaxed)
    memory.report(to: &counters)
    disk?.report(to: &counters)
    return counters
  }

  private func hit<T>(_ value: T) -> T {
    hits.wrappingAdd(1, ordering: .relaxed)
    return value
  }

  private func miss<T>() -> T? {
    misses.wrappingAdd(1, ordering: .relaxed)
    return nil
  }

  /// A value from disk, which is in memory too afterwards.
  private func load<T: PortableValue>(_ type: T.Type, _ key: Digest128, _ disk: CacheDirectory) -> T? {
    guard let content = disk.read(key, type: CacheFile.digest(of: type)) else { return nil }
    do {
      let value = try T(portableBytes: content.payload)
      memory.store(value, for: key, bytes: content.payload.count, seconds: content.seconds)
      return value
    } catch {
      // Intact, but written by another version of the type.
      disk.removeDamaged(key)
      return nil
    }
  }
}
