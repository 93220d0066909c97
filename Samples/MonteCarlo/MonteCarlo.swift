import Glibc
import Martlet

/// Prices an Asian option by Monte Carlo, on all cores, until the price is known well enough: futures as they are completed.
///
///     swift run -c release MonteCarlo --error 0.005 --seed 1
///
/// The option pays, after a year, what the average price of 52 weeks is above the strike. No formula gives its price. Each
/// task simulates 20,000 years from numbers of its own, and the loop adds up what they found in their order, so that
/// the answer depends on the seed alone, not on which task was faster.
@main
struct MonteCarlo {
  static func main() {
    do {
      let options = try Options(CommandLine.arguments.dropFirst())
      let option = AsianOption(price: 100, strike: 105, interest: 0.03, volatility: 0.25, weeks: 52)
      let pool = Pool()
      let estimate = try price(option, error: options.error, seed: options.seed, on: pool)
      pool.close()
      print("price \(decimal(estimate.mean)) ± \(decimal(estimate.standardError)) after \(estimate.count) years")
    } catch {
      print("MonteCarlo: \(error)")
      exit(1)
    }
  }

  /// Simulates until the standard error is at most `error`.
  static func price(_ option: AsianOption, error: Double, seed: UInt64, on pool: Pool) throws -> Estimate {
    let years = 20_000
    let completed = CompletedFutures<Batch>()
    var submitted = 0
    func submitNext() {
      let number = submitted
      submitted += 1
      completed.insert(
        pool.submit { Batch(number: number, payoffs: option.simulate(years: years, seed: seed, stream: number)) })
    }
    for _ in 0..<2 * pool.width { submitNext() }

    var total = Estimate()
    var early: [Int: Estimate] = [:]
    var next = 0
    while let future = completed.next() {
      let batch = try future.result()
      early[batch.number] = batch.payoffs
      while let payoffs = early.removeValue(forKey: next) {
        total.add(payoffs)
        next += 1
        if next >= 4, total.standardError <= error {
          completed.cancelAll()
          return total
        }
      }
      submitNext()
    }
    return total
  }

  /// Four digits after the point.
  private static func decimal(_ number: Double) -> String {
    let scaled = Int((number * 10_000).rounded())
    let digits = String(scaled % 10_000)
    return "\(scaled / 10_000)." + String(repeating: "0", count: 4 - digits.count) + digits
  }
}

/// What one task found, and which task that was.
struct Batch: Sendable {
  let number: Int
  let payoffs: Estimate
}
