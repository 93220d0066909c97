import Glibc

/// The seeds of a test with random input: all of them, or only every Nth where the environment says `MARTLET_TEST_SHARE=N`.
///
/// A sanitizer makes tests many times slower, and looks for what any of a test's seeds shows: CI gives it a share of those that
/// it has just run without one.
package func sampled<Number: FixedWidthInteger>(_ seeds: Range<Number>) -> [Number] {
  seeds.enumerated().filter { $0.offset.isMultiple(of: share) }.map(\.element)
}

/// The same for a list: what many processes are started for, for one.
package func sampled<Element>(_ list: [Element]) -> [Element] { sampled(list.indices).map { list[$0] } }

private let share = getenv("MARTLET_TEST_SHARE").flatMap { Int(String(cString: $0)) }.map { max($0, 1) } ?? 1
