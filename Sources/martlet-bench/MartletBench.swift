import Glibc
import MartletCluster
import MartletSimulation

/// `martlet-bench SUITE [--threads N] [--toy] [--rounds N]`.
@main
struct MartletBench {
  /// The suites; a new one gets a file of its own and a line here.
  static var suites: [any BenchSuite.Type] {
    [
      EngineSuite.self, MetgSuite.self, GraphSuite.self, PassesSuite.self, OrderSuite.self, PoolSuite.self,
      SchedulerSuite.self, SimulateSuite.self, ModelSuite.self, ClusterSuite.self, CSVSuite.self,
    ]
  }

  static func main() {
    do {
      // The workers of the suite `cluster` are this program, too: they know its functions.
      if CommandLine.arguments.dropFirst().first == "worker" {
        try ClusterFunctions.register()
        exit(WorkerProgram.run(Array(CommandLine.arguments.dropFirst(2))))
      }
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
      case "--seeds": options.seeds = try seeds(rest.popFirst())
      case "--workers": options.workers = try number(argument)
      case "--tasks": options.tasks = try number(argument)
      case "--faults": options.faults = try faults(rest.popFirst())
      case "--history": options.history = try number(argument)
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

  /// `A..B`, without B.
  private static func seeds(_ text: String?) throws -> Range<UInt64> {
    let ends = (text ?? "").split(separator: ".", omittingEmptySubsequences: true).compactMap { UInt64($0) }
    guard ends.count == 2, ends[0] < ends[1] else {
      throw UsageError(description: "--seeds needs the first seed and the one after the last: 0..1000")
    }
    return ends[0]..<ends[1]
  }

  /// `crash,cut`; `none`.
  private static func faults(_ text: String?) throws -> [Fault] {
    if text == "none" { return [] }
    return try (text ?? "").split(separator: ",").map { name in
      guard let fault = Fault(rawValue: String(name)) else {
        let known = Fault.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError(description: "no fault \(name); there are \(known), none")
      }
      return fault
    }
  }

  private static var usage: String {
    "usage: martlet-bench SUITE [--threads N] [--rounds N] [--only NAME] [--toy]\n"
      + suites.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n")
  }
}

/// The command line is wrong.
struct UsageError: Error, CustomStringConvertible { let description: String }
