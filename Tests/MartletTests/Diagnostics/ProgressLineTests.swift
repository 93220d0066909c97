import Testing

@testable import Martlet

@Suite struct ProgressLineTests {
  private var half: ProgressLine {
    var line = ProgressLine()
    line.bytes = 243 << 20
    line.totalBytes = 486 << 20
    line.partitions = 14
    line.totalPartitions = 28
    line.elapsedSeconds = 2
    return line
  }

  @Test func `a line has a bar and the facts`() {
    #expect(
      half.text(width: 100)
        == "[===============>              ]  50%  243 MiB of 486 MiB  122 MiB/s  2 s left  14/28 partitions")
  }

  @Test func `what does not fit is left out`() {
    #expect(half.text(width: 79) == "[======>      ]  50%  243 MiB of 486 MiB  122 MiB/s  2 s left  14/28 partitions")
    #expect(half.text(width: 60) == "[======>     ]  50%  243 MiB of 486 MiB  122 MiB/s  2 s left")
    #expect(half.text(width: 5) == " 50%")
    #expect(half.text(width: 0) == "")
  }

  @Test(arguments: 0..<130)
  func `a line is never wider than it may be`(width: Int) {
    for bytes in [0, 1, 1000, 1 << 20, 486 << 20, 500 << 20, .max] {
      for total in [0, 486 << 20] {
        for seconds in [0, 0.5, 75, 1e6, 1e300] {
          var line = half
          line.bytes = bytes
          line.totalBytes = total
          line.elapsedSeconds = seconds
          #expect(line.text(width: width).count <= width)
        }
      }
    }
  }

  @Test func `when all is read there is still something to do`() {
    var line = half
    line.bytes = line.totalBytes
    #expect(line.text(width: 60) == "[===========] 100%  486 MiB of 486 MiB  243 MiB/s  finishing")
  }

  @Test func `a pipe has no share and no end`() {
    var line = half
    line.totalBytes = 0
    #expect(line.text(width: 80) == "243 MiB  122 MiB/s  14 partitions  2 s")
  }

  @Test(arguments: [(0, "0 s"), (59.9, "59 s"), (60, "1:00"), (185, "3:05"), (7385, "2:03:05"), (36000, "10:00:00")])
  func `durations are read as clocks are`(seconds: Double, text: String) {
    #expect(ProgressLine.duration(seconds) == text)
  }
}
