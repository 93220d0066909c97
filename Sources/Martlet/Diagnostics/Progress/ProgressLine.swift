/// How far a run is at one moment, and the line that says so.
package struct ProgressLine: Equatable, Sendable {
  package var bytes = 0
  /// 0 where nobody knows: a pipe.
  package var totalBytes = 0
  package var partitions = 0
  package var totalPartitions = 0
  package var elapsedSeconds = 0.0

  package init() {}

  /// The line, at most `width` columns wide: a bar, the share, partitions, bytes, rate and time left. What does not
  /// fit is left out, the less important first.
  package func text(width: Int) -> String {
    let rate = elapsedSeconds > 0 ? Int(min(Double(bytes) / elapsedSeconds, 9e18)) : 0
    guard totalBytes > 0 else {
      return TerminalText.joined(
        [
          ByteCount.text(bytes), "\(ByteCount.text(rate))/s", partitions > 0 ? "\(partitions) partitions" : nil,
          Self.duration(elapsedSeconds),
        ], width: width)
    }
    let share = min(1, max(0, Double(bytes) / Double(totalBytes)))
    let percent = Self.padded("\(Int(share * 100))%", to: 4)
    var left: String?
    if share > 0, share < 1, elapsedSeconds > 0 {
      left = "\(Self.duration((elapsedSeconds / share - elapsedSeconds).rounded(.up))) left"
    } else if share == 1 {
      left = "finishing"
    }
    let facts = TerminalText.joined(
      [
        percent, "\(ByteCount.text(bytes)) of \(ByteCount.text(totalBytes))", "\(ByteCount.text(rate))/s", left,
        totalPartitions > 0 ? "\(partitions)/\(totalPartitions) partitions" : nil,
      ], width: width)
    let room = min(30, width - facts.count - 3)
    guard room >= 5 else { return facts }
    return TerminalText.bar(share, columns: room + 2) + " " + facts
  }

  private static func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// `7 s`, `3:05`, `2:03:05`.
  static func duration(_ seconds: Double) -> String {
    let whole = seconds < 1e9 ? Int(seconds) : 1_000_000_000
    if whole < 60 { return "\(whole) s" }
    let tail = (whole % 60 < 10 ? ":0" : ":") + "\(whole % 60)"
    let minutes = whole / 60
    if minutes < 60 { return "\(minutes)" + tail }
    return "\(minutes / 60)" + (minutes % 60 < 10 ? ":0" : ":") + "\(minutes % 60)" + tail
  }
}
