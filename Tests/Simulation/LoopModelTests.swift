import MartletSimulation
import Testing

/// What decisions make of a graph when nothing is left to chance.
@Suite struct LoopModelTests {
  private func stencil(width: Int, steps: Int) -> [[Int]] {
    (0..<width * steps).map { place in
      let (step, column) = place.quotientAndRemainder(dividingBy: width)
      if step == 0 { return [] }
      return (max(0, column - 1)...min(width - 1, column + 1)).map { (step - 1) * width + $0 }
    }
  }

  private func report(_ inputs: [[Int]], wanted: Int, workers: Int, body: Int64) -> LoopModel.Report {
    var costs = LoopModel.Costs()
    costs.body = body
    var model = LoopModel(workers: workers, costs: costs)
    let places = Array((inputs.count - wanted)..<inputs.count)
    // The first graphs teach the scheduler how long bodies are.
    for _ in 0..<3 { _ = model.run(inputs, wanted: places) }
    return model.run(inputs, wanted: places)
  }

  @Test(arguments: [10_000, 25_000, 50_000, 100_000] as [Int64])
  func `of a stencil each worker keeps one half, and both work`(body: Int64) {
    let (width, steps) = (8, 100)
    let report = report(stencil(width: width, steps: steps), wanted: width, workers: 2, body: body)
    // Two values that cross the border a step are the least.
    #expect(report.movedInputs < 3 * steps)
    #expect(report.nanoseconds < Int64(width * steps) * (body + 40_000) / 2)
  }

  @Test func `independent tasks take little more than their bodies`() {
    let report = report(Array(repeating: [], count: 1000), wanted: 1000, workers: 4, body: 50_000)
    #expect(report.nanoseconds >= 1000 / 4 * 50_000)
    #expect(report.nanoseconds < 1000 / 4 * 50_000 * 12 / 10)
  }

  @Test func `the same happens each time`() {
    let inputs = stencil(width: 6, steps: 20)
    let reports = (0..<2).map { _ in report(inputs, wanted: 6, workers: 3, body: 30_000) }
    #expect(reports[0].nanoseconds == reports[1].nanoseconds && reports[0].messages == reports[1].messages)
    #expect(reports[0].schedulerTurns == reports[1].schedulerTurns)
  }
}
