import MartletScheduler
import MartletSimulation

/// The stencil of the suite `cluster` in a model of a cluster: what the decisions alone make of it, without a machine's noise.
enum ModelSuite: BenchSuite {
  static let name = "model"
  static let summary =
    "the cluster's stencil in a model: what is lost, turns of loops, messages and moved inputs a task"

  static func run(_ options: BenchOptions) throws {
    let (width, steps) = (8, options.isToy ? 5 : 100)
    let inputs = stencil(width: width, steps: steps)
    let needed = Set(inputs.joined())
    let wanted = inputs.indices.filter { !needed.contains($0) }
    let tasks = Double(inputs.count)
    var costs = LoopModel.Costs()
    print(
      "model: scheduler and 2 workers × 1 thread, stencil \(width) wide, \(inputs.count) tasks; a turn takes "
        + "\(costs.turn / 1000) µs, a message \(costs.message / 1000) µs")
    print("  µs a task of two processors, and of all loops; turns, messages and moved inputs a task")
    print("  ahead across   body   two processors      lost     loops   turns: scheduler  workers   messages     moved")
    for isAcross in [false, true] {
      for body in [5, 10, 25, 50, 100, 200] {
        costs.body = Int64(body) * 1000
        var settings = SchedulerSettings()
        settings.givesAheadAcross = isAcross
        var model = LoopModel(workers: 2, costs: costs, settings)
        // The first graphs teach the scheduler how long the bodies are.
        for _ in 0..<3 { _ = model.run(inputs, wanted: wanted) }
        let report = model.run(inputs, wanted: wanted)
        let wall = Double(report.nanoseconds) * 2 / tasks / 1000
        print(
          (isAcross ? "  yes         " : "  no          ") + padded("\(body)", 7) + padded(wall, 17, digits: 1)
            + padded(wall - Double(body), 10, digits: 1)
            + padded(Double(report.busyNanoseconds) / tasks / 1000, 10, digits: 1)
            + padded(Double(report.schedulerTurns) / tasks, 19, digits: 2)
            + padded(Double(report.workerTurns) / tasks, 9, digits: 2)
            + padded(Double(report.messages) / tasks, 11, digits: 2)
            + padded(Double(report.movedInputs) / tasks, 10, digits: 2))
      }
    }
  }

  /// The inputs of each task, in the depth-first order in which a client sends them.
  private static func stencil(width: Int, steps: Int) -> [[Int]] {
    var places = [Int?](repeating: nil, count: width * steps)
    var inputs: [[Int]] = []
    func add(_ step: Int, _ column: Int) -> Int {
      if let known = places[step * width + column] { return known }
      let row = step == 0 ? [] : (max(0, column - 1)...min(width - 1, column + 1)).map { add(step - 1, $0) }
      inputs.append(row)
      places[step * width + column] = inputs.count - 1
      return inputs.count - 1
    }
    for column in 0..<width { _ = add(steps - 1, column) }
    return inputs
  }
}
