/// Colours that read on light and on dark: fills of middling lightness that have their text in black or white.
package struct Color: Equatable, Sendable {
  package let red: UInt8
  package let green: UInt8
  package let blue: UInt8

  private init(_ hex: UInt32) {
    red = UInt8(hex >> 16 & 0xff)
    green = UInt8(hex >> 8 & 0xff)
    blue = UInt8(hex & 0xff)
  }

  /// Of what nothing is known.
  package static let neutral = Color(0xc9cdd3)

  /// `#rrggbb`.
  package var text: String {
    let value = UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue)
    let digits = String(value, radix: 16)
    return "#" + String(repeating: "0", count: 6 - digits.count) + digits
  }

  /// The colour of text on it.
  package var ink: String {
    // Lightness as the eye sees it, 0 to 255 (ITU-R BT.601).
    (299 * Int(red) + 587 * Int(green) + 114 * Int(blue)) / 1000 > 125 ? "#16191d" : "#ffffff"
  }

  /// The number of different colours of labels.
  package static var labelCount: Int { labels.count }

  /// The colour of the label with this number; numbers beyond `labelCount` begin anew.
  package static func ofLabel(_ number: Int) -> Color { labels[number % labels.count] }

  // Neighbours differ in hue and in lightness, as few people see all hues.
  private static let labels = [
    0x8ab8e6, 0xf2b56b, 0x8fcf9f, 0xe58a8a, 0xb79be0, 0xd6c95f, 0x6cc5c1, 0xeb9fca, 0xa9b665, 0xc79a7b, 0x94a3c4,
    0xf0d9a0,
  ].map { Color($0) }

  package static func ofState(_ state: TaskState) -> Color {
    switch state {
    case .unneeded: Color(0xe3e5e8)
    case .waiting: Color(0xc9cdd3)
    case .running: Color(0xf2c14e)
    case .done: Color(0x8fcf9f)
    case .failed: Color(0xd94f4f)
    }
  }

  /// From light to dark as `value` goes from 0 to `limit`.
  package static func ofScale(_ value: Double, of limit: Double = 1) -> Color {
    let place = min(1, max(0, limit > 0 ? value / limit : 0)) * Double(scale.count - 1)
    let index = min(Int(place), scale.count - 2)
    let share = place - Double(index)
    func mixed(_ component: KeyPath<Color, UInt8>) -> UInt32 {
      let (a, b) = (Double(scale[index][keyPath: component]), Double(scale[index + 1][keyPath: component]))
      return UInt32((a + (b - a) * share).rounded())
    }
    return Color(mixed(\.red) << 16 | mixed(\.green) << 8 | mixed(\.blue))
  }

  private static let scale = [0xf6ecc0, 0xf7c873, 0xee8f4e, 0xcf4f4f, 0x8a2f62].map { Color($0) }
}
