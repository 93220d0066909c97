import Martlet
import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// What ends a run whose reader has gone away: nothing is wrong.
struct ClosedPipe: Error {}

/// Where the result goes: standard output or a file.
final class Destination {
  let target: any OutputTarget
  private let standard: StandardOutput?
  private let file: FileOutput?

  /// - Parameters:
  ///   - name: A path, or nil or `-` for standard output.
  ///   - beforeFirstWrite: Called before the first byte goes to a terminal, which a progress bar has to leave.
  init(_ name: String?, beforeFirstWrite: @escaping () -> Void) throws(TableError) {
    if let name, name != "-" {
      let file = try FileOutput(name)
      (target, self.file, standard) = (file, file, nil)
    } else {
      let output = StandardOutput(beforeFirstWrite: Self.isTerminal ? beforeFirstWrite : nil)
      (target, standard, file) = (output, output, nil)
    }
  }

  /// Whether standard output is a terminal.
  static var isTerminal: Bool { isatty(1) == 1 }

  /// Runs `body`, which writes to `target`, and completes the result; on failure no file is left.
  func complete<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      let result = try body()
      try standard?.finish()
      try file?.commit()
      return result
    } catch {
      file?.discard()
      if standard?.isClosed == true { throw ClosedPipe() }
      throw error
    }
  }
}
