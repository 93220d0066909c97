import Testing

@testable import MartletGraph

@Suite struct FigureTextTests {
  @Test(
    arguments: [
      (0, "0 ns"), (999, "999 ns"), (1000, "1.00 µs"), (9_994, "9.99 µs"), (9_995, "10.0 µs"), (99_949, "99.9 µs"),
      (99_950, "100 µs"), (999_499, "999 µs"), (999_500, "1.00 ms"), (1_234_567_890, "1.23 s"),
      (123_456_000_000_000, "123456 s"),
    ] as [(UInt64, String)])
  func `times have three digits`(nanoseconds: UInt64, text: String) {
    #expect(FigureText.time(nanoseconds) == text)
  }

  @Test(
    arguments: [
      (0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (10188, "9.9 KiB"), (10189, "10 KiB"), (1 << 20, "1.0 MiB"),
      (1_022_976, "999 KiB"), (486 << 20, "486 MiB"), (3 << 29, "1.5 GiB"), (UInt64(Int.max), "8.0 EiB"),
    ] as [(UInt64, String)])
  func `bytes have at most three digits`(bytes: UInt64, text: String) {
    #expect(FigureText.bytes(bytes) == text)
  }
}
