import Martlet
import MartletCluster
import MartletEngine
import MartletTable

/// The whole program: the words of the command line in, the exit status out.
enum Program {
  /// All went well, or the reader of the result has seen enough.
  static let done: Int32 = 0
  /// The data or the run failed.
  static let failed: Int32 = 1
  /// The command line is wrong.
  static let misused: Int32 = 2

  static func run(_ words: [String]) -> Int32 {
    do throws(UsageError) {
      switch try request(words) {
      case .page(let text):
        Console.put(1, text)
        return done
      case .command(let arguments):
        return try run(arguments)
      }
    } catch {
      Console.complain("\(error.message) (\(error.remedy))")
      return misused
    }
  }

  /// What a command line asks for.
  enum Request: Equatable {
    /// A text to print: help, version.
    case page(String)
    case command(Arguments)
  }

  static func request(_ words: [String]) throws(UsageError) -> Request {
    guard let first = words.first else {
      throw UsageError("no command", remedy: "martlet-csv --help lists the commands")
    }
    switch first {
    case "--help", "-h":
      return .page(HelpText.program())
    case "--version", "-V":
      return .page("martlet-csv \(HelpText.version)\n")
    case "help":
      guard words.count > 1 else { return .page(HelpText.program()) }
      if words[1] == "expressions" { return .page(HelpText.expressions()) }
      return .page(HelpText.page(of: try command(words[1])))
    default:
      let spec = try command(first)
      let rest = Array(words.dropFirst())
      // Whoever asks for help gets it, even where the rest of the line is wrong.
      if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
        return .page(HelpText.page(of: spec))
      }
      return .command(try Arguments(spec, rest))
    }
  }

  private static func command(_ word: String) throws(UsageError) -> CommandSpec {
    if let name = CommandName(rawValue: word) { return CommandTable.spec(name) }
    if let remedy = CommandTable.absent[word] { throw UsageError("\(word) is not there yet", remedy: remedy) }
    if word.hasPrefix("-") {
      throw UsageError("there is no command before '\(word)'", remedy: "write martlet-csv COMMAND \(word) ...")
    }
    if let near = Nearest.name(to: word, among: CommandName.allCases.map(\.rawValue)) {
      throw UsageError("there is no command '\(word)'", remedy: "did you mean \(near)?")
    }
    throw UsageError("there is no command '\(word)'", remedy: "martlet-csv --help lists the commands")
  }

  private static func run(_ arguments: Arguments) throws(UsageError) -> Int32 {
    let progress = RunProgress()
    if arguments.command == .generate {
      let command = try GenerateCommand(arguments)
      return execute(progress) { try command.run(progress) }
    }
    let command = try QueryCommand(arguments)
    return execute(progress) { try command.run(progress) }
  }

  /// Runs a command and says on standard error, in one line, what stopped it.
  private static func execute(_ progress: RunProgress, _ body: () throws -> Void) -> Int32 {
    let interruption = Interruption.watch(progress)
    do {
      try body()
      return done
    } catch is ClosedPipe {
      return done
    } catch {
      if let status = interruption.exitStatus { return status }
      // Which task failed is of no use to people; why it failed is.
      var error = error
      while let failure = error as? TaskFailure { error = failure.underlying }
      if let error = error as? TableError {
        Console.complain(error.description)
        return error.code == .invalidQuery ? misused : failed
      }
      if let error = error as? ClusterError {
        Console.complain(error.complaint)
        return error.code == .badOption ? misused : failed
      }
      if let error = error as? ClusterTaskError {
        Console.complain(error.complaint)
        return failed
      }
      Console.complain("\(error)")
      return failed
    }
  }
}
