import MartletBytes
import MartletEngine
import MartletTable
import Synchronization

/// What all tasks of a pass share: the plan, the files, and the services of the process that they run in.
///
/// In the process that asks, the tasks hold it. To other processes it is sent once, as a constant of the graph that is the first
/// input of every task, so that neither the plan nor a path is repeated a task.
final class ScanPass: Sendable {
  /// One of the files.
  enum File: Sendable {
    /// Opened by this process.
    case open(any ByteSource)
    /// Opened by whoever reads it first.
    case known(FileVersion)
    /// Of this name; its bytes come with the tasks.
    case sent(String)
  }

  let plan: ScanPlan
  /// Stands for the plan in the keys of tasks.
  let planDigest: Digest128
  let services: ScanServices
  private let files: [File]

  init(plan: ScanPlan, files: [File], services: ScanServices) {
    self.plan = plan
    self.files = files
    self.services = services
    var hasher = StableHasher()
    plan.hash(into: &hasher)
    planDigest = hasher.digest()
  }

  /// The bytes of a file.
  ///
  /// - Throws: `.unreadable` where this process does not find the file that is meant.
  func source(of file: Int) throws(TableError) -> any ByteSource {
    guard files.indices.contains(file) else {
      throw TableError(
        .unreadable, "there is no file \(file)", remedy: "run the same version of the program on all machines")
    }
    switch files[file] {
    case .open(let source): return source
    case .known(let version): return try OpenFiles.shared.source(of: version)
    case .sent(let name):
      throw TableError(
        .unreadable, file: name, "its bytes did not come with the task",
        remedy: "run the same version of the program on all machines")
    }
  }

  /// What messages call a file.
  func name(of file: Int) -> String {
    guard files.indices.contains(file) else { return "" }
    switch files[file] {
    case .open(let source): return source.name
    case .known(let version): return version.name
    case .sent(let name): return name
    }
  }
}

extension ScanPass: PortableValue {
  static var portableTypeName: String { "martlet.table.pass" }

  /// Writes the plan and which files are meant.
  func write(to writer: inout ByteWriter) {
    plan.write(to: &writer)
    writer.write(varint: UInt64(files.count))
    for file in files {
      switch file {
      case .open(let source as FileSource):
        writer.write(byte: 0)
        source.version.write(to: &writer)
      case .open(let source): writer.fail("\(source.name) is no file that another process could read")
      case .known(let version):
        writer.write(byte: 0)
        version.write(to: &writer)
      case .sent(let name):
        writer.write(byte: 1)
        writer.write(name)
      }
    }
  }

  /// Reads what `write(to:)` wrote; nothing is opened yet.
  convenience init(from reader: inout ByteReader) throws(ByteError) {
    let plan = try ScanPlan(from: &reader)
    var files: [File] = []
    for _ in 0..<(try reader.readCount(elementBytes: 2)) {
      files.append(
        try Bool(from: &reader) ? .sent(try reader.readText()) : .known(try FileVersion(from: &reader)))
    }
    self.init(plan: plan, files: files, services: .elsewhere)
  }
}

extension ScanPass: MemorySized {
  var residentBytes: Int { 1 << 10 }
}

/// What the tasks of a pass share in this process; no part of what they compute.
final class ScanServices: Sendable {
  /// Nil in a process that works for another one.
  let progress: RunProgress?
  let memory: MemoryLimit?
  /// Whether this is the last time that the input is read.
  let releasesInput: Bool

  init(progress: RunProgress?, memory: MemoryLimit?, releasesInput: Bool = false) {
    self.progress = progress
    self.memory = memory
    self.releasesInput = releasesInput
  }

  /// Those of a process that was sent the pass: it knows of no run and has its own ways to keep memory.
  static let elsewhere = ScanServices(progress: nil, memory: nil)

  /// Called while a task works: stops it when the run was cancelled or takes too much memory.
  func checkpoint() throws {
    if let progress, progress.cancellation.isCancelled { throw RunCancelled() }
    try memory?.check()
  }

  /// Counts bytes that were read.
  func add(bytes: Int) { progress?.bytes.add(bytes, ordering: .relaxed) }
}

/// The files that this process has open for others: opened once, the one that was used least recently is closed first.
final class OpenFiles: @unchecked Sendable {
  // Unchecked: the lock guards what changes.
  static let shared = OpenFiles(limit: 256)

  private struct Entry {
    let source: FileSource
    var lastUse: Int
  }

  private let limit: Int
  private let lock = Lock()
  private var entries: [FileVersion: Entry] = [:]
  private var uses = 0

  init(limit: Int) { self.limit = limit }

  /// The number of files that are open.
  var count: Int { lock.withLock { entries.count } }

  /// The file, as it was when its version was taken down.
  func source(of version: FileVersion) throws(TableError) -> FileSource {
    let known = lock.withLock { () -> FileSource? in
      uses += 1
      entries[version]?.lastUse = uses
      return entries[version]?.source
    }
    // A file that was changed meanwhile says so itself, when it is read.
    if let known { return known }
    let source = try version.open()
    lock.withLock {
      entries[version] = Entry(source: source, lastUse: uses)
      if entries.count > limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
        entries[oldest.key] = nil
      }
    }
    return source
  }
}
