import Glibc
import Martlet

/// Builds what a file of rules says, in the manner of make: side by side where nothing forbids it, each target once, and
/// nothing that is newer than what it is made from.
///
///     swift run mini-make RULES [TARGET...]
@main
struct MiniMake {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let path = arguments.first else {
      print("usage: mini-make RULES [TARGET...]")
      exit(2)
    }
    do {
      let made = try make(RuleFile(try Shell.text(of: path), name: path), Array(arguments.dropFirst()))
      print(made == 0 ? "nothing to do" : "\(made) made")
    } catch let failure as TaskFailure {
      print("mini-make: \(failure.underlying)")
      exit(1)
    } catch {
      print("mini-make: \(error)")
      exit(1)
    }
  }

  /// Makes targets, by default all; gives the number of rules whose commands ran.
  static func make(_ file: RuleFile, _ targets: [String]) throws -> Int {
    var rules: [String: Rule] = [:]
    for rule in file.rules where rules.updateValue(rule, forKey: rule.target) != nil {
      throw MakeError("\(rule.target) has two rules")
    }
    for target in targets where rules[target] == nil { throw MakeError("no rule makes \(target)") }
    var tasks: [String: Delayed<Bool>] = [:]
    for rule in try sorted(rules, targets.isEmpty ? file.rules.map(\.target) : targets) {
      tasks[rule.target] = task(rule, tasks)
    }
    return try Array(tasks.values).run().count { $0 }
  }

  /// The task of one rule: it waits for its inputs, whose news it gets, and for what only has to be there before.
  private static func task(_ rule: Rule, _ tasks: [String: Delayed<Bool>]) -> Delayed<Bool> {
    let inputs = rule.inputs.compactMap { tasks[$0] }
    let before = rule.before.compactMap { tasks[$0]?.erased }
    return delayed(rule.target, all: inputs) { areNew in
      if !areNew.contains(true), isUpToDate(rule) { return false }
      try Shell.run(rule.commands, for: rule.target)
      return true
    }
    .blocking()
    .retries(rule.retries, delay: .milliseconds(100))
    .after(before)
  }

  private static func isUpToDate(_ rule: Rule) -> Bool {
    guard let made = Shell.modified(rule.target) else { return false }
    return rule.inputs.allSatisfy { input in Shell.modified(input).map { $0 <= made } ?? false }
  }

  /// The rules that `targets` need, each after those that it needs. A graph given by names can have a cycle: `RawGraph` finds it.
  private static func sorted(_ rules: [String: Rule], _ targets: [String]) throws -> [Rule] {
    var raw = RawGraph()
    var open = targets
    var seen = Set(targets)
    while let target = open.popLast() {
      guard let rule = rules[target] else { continue }
      let needs = (rule.inputs + rule.before).filter { rules[$0] != nil }
      for input in rule.inputs where rules[input] == nil && Shell.modified(input) == nil {
        throw MakeError("\(target) needs \(input), which is no file, and no rule makes it")
      }
      raw.add(target, needs: needs) { _, _ in 0 }
      open += needs.filter { seen.insert($0).inserted }
    }
    let graph = try raw.build().graph
    return graph.tasksInOrder.compactMap { rules[graph.key(of: $0).label] }
  }
}
