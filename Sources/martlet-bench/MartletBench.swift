import Glibc

/// `martlet-bench SUITE [--threads N] [--toy] [--rounds N]`.
@main
struct MartletBench {
  /// The suites; a new one gets a file of its own and a line here.
  static var suites: [any BenchSuite.Type] {
    [
      EngineSuite.self, MetgSuite.self, GraphSuite.self, PassesSuite.self, OrderSuite.self, PoolSuite.self,
      SchedulerSuite.self,
      CSVSuite.self,
    ]
  }

  static func main() {
    do {
      let (suite, options) = try parse(Array(CommandLine.arguments.dropFirst()))
      guard let suite else {
        print(usage)
        return
      }
      try suite.run(options)
    } catch {
      let message = "martlet-bench: \(error)\n"
      _ = message.withCString { write(2, $0, strlen($0)) }
      exit(error is UsageError ? 2 : 1)
    }
  }

  private static func parse(_ arguments: [String]) throws -> ((any BenchSuite.Type)?, BenchOptions) {
    var options = BenchOptions()
    var suite: (any BenchSuite.Type)?
    var rest = arguments[...]
    func number(_ option: String) throws -> Int {
      guard let text = rest.popFirst(), let value = Int(text), value > 0 else {
        throw UsageError(description: "\(option) needs a positive number")
      }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--help", "-h": return (nil, options)
      case "--only":
        guard let name = rest.popFirst() else { throw UsageError(description: "--only needs a name") }
        options.only = name
      case "--print-order": options.printsOrder = true
      case "--toy": options.isToy = true
      case "--threads": options.threads = try number(argument)
      case "--rounds": options.rounds = try number(argument)
      default:
        if let chosen = suite {
          guard chosen.takesFiles, !argument.hasPrefix("-") else {
            throw UsageError(description: "no option \(argument) of \(chosen.name)\n\(usage)")
          }
          options.files.append(argument)
          continue
        }
        guard let found = suites.first(where: { $0.name == argument }) else {
          throw UsageError(description: "no suite or option \(argument)\n\(usage)")
        }
        suite = found
      }
    }
    if suite == nil { throw UsageError(description: "no suite given\n\(usage)") }
    return (suite, options)
  }

  private static var usage: String {
    "usage: martlet-bench SUITE [--threads N] [--rounds N] [--only NAME] [--toy]\n"
      + suites.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n")
  }
}

/// The command line is wrong.
struct UsageError: Error, CustomStringConvertible { let description: String }
