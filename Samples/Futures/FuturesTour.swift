import Glibc
import Martlet

/// What a pool can do, on the files that are named: the code that `Docs/Futures.md` shows.
///
///     swift run futures README.md Docs/*.md
@main
struct FuturesTour {
  static func main() async {
    do {
      let files = Array(CommandLine.arguments.dropFirst())
      try plain(files)
      try await asynchronous(files)
    } catch {
      print("futures: \(error)")
      exit(1)
    }
  }

  /// For plain programs: calls that wait block the thread.
  private static func plain(_ files: [String]) throws {
    let pool = Pool()
    defer { pool.close() }

    let first = pool.submit { try lineCount(of: files[0]) }
    let second = pool.submit(priority: .high, timeout: .seconds(10)) { try lineCount(of: files[1]) }
    print(try first.result() + second.result(), "lines in two files")

    let counts = try pool.map(files) { file in try lineCount(of: file) }
    let longest = try pool.reduce(counts, 0) { max($0, $1) }
    print("the longest has", longest)

    let letters = try pool.reduce(files, into: Letters()) { letters, file in
      letters.add(try text(of: file))
    } combine: { letters, more in
      letters.add(more)
    }
    print(letters.count(of: "e"), "times e")

    let kept = try pool.mapResults(files + ["no such file"]) { file in try lineCount(of: file) }
    for case .failure(let error) in kept { print("left out:", error) }

    let sizes = pool.stream(files, order: .ofElements, buffer: 16) { file in try text(of: file).count }
    while let size = try sizes.next() { print(files[size.index], size.value) }

    let futures = files.map { file in pool.submit { try lineCount(of: file) } }
    let outcome = futures.wait(for: .all, timeout: .seconds(5))
    print(outcome.finished.count, "counted in time,", outcome.unfinished.count, "not")
  }

  /// For asynchronous programs: calls that wait suspend.
  private static func asynchronous(_ files: [String]) async throws {
    let pool = Pool(maximumInFlight: 100)

    var total = 0
    for try await count in pool.stream(files, { file in try lineCount(of: file) }) { total += count.value }
    print(total, "lines")

    let answers = try await pool.map(files, concurrency: 20) { file in try await ask(about: file) }
    print(answers.count, "answers")

    let completed = CompletedFutures<Int>()
    for file in files { completed.insert(await pool.submit { try lineCount(of: file) }) }
    for await future in completed where try await future.value > 100 {
      completed.cancelAll()
      break
    }

    await pool.close()
  }

  private static func lineCount(of path: String) throws -> Int { try text(of: path).count { $0 == UInt8(ascii: "\n") } }

  /// Stands for a service somewhere else.
  private static func ask(about file: String) async throws -> String {
    try await Task.sleep(for: .milliseconds(2))
    return "\(file) is fine"
  }

  private static func text(of path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw Unreadable(path: path, reason: String(cString: strerror(errno))) }
    defer { close(file) }
    var text: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = block.withUnsafeMutableBytes { read(file, $0.baseAddress!, $0.count) }
      guard count > 0 else { return text }
      text += block[..<count]
    }
  }
}

/// How often each byte occurs.
struct Letters: Sendable {
  private var counts = [Int](repeating: 0, count: 256)

  func count(of letter: Unicode.Scalar) -> Int { counts[Int(letter.value & 255)] }

  mutating func add(_ text: [UInt8]) { for byte in text { counts[Int(byte)] += 1 } }

  mutating func add(_ other: Letters) { for byte in counts.indices { counts[byte] += other.counts[byte] } }
}

/// A file that cannot be read.
struct Unreadable: Error, CustomStringConvertible {
  let path: String
  let reason: String

  var description: String { "\(path): \(reason)" }
}
