/// What the command line says.
struct Options {
  /// The standard error to reach.
  var error = 0.01
  var seed: UInt64 = 1

  init(_ arguments: ArraySlice<String>) throws {
    var rest = arguments
    while let name = rest.popFirst() {
      let value = rest.popFirst()
      switch name {
      case "--error":
        guard let number = value.flatMap({ Double($0) }), number > 0, number.isFinite else { throw Wrong(name, value) }
        error = number
      case "--seed":
        guard let number = value.flatMap({ UInt64($0) }) else { throw Wrong(name, value) }
        seed = number
      default: throw Wrong(name, value)
      }
    }
  }

  /// An argument that cannot be used.
  struct Wrong: Error, CustomStringConvertible {
    let description: String

    init(_ name: String, _ value: String?) {
      description = "\(name) \(value ?? ""): usage: MonteCarlo [--error NUMBER] [--seed NUMBER]"
    }
  }
}
