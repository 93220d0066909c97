package import MartletBytes

/// A function of the registry, without its type in Swift: runs calls that came as bytes.
package class RegisteredFunction: @unchecked Sendable {
  // Sendable: subclasses add nothing but constants.

  /// The name of the function.
  package let name: String
  /// Its version.
  package let version: Int
  /// What it gives.
  package let result: PortableValueType
  /// Its type.
  package let type: any PortableTaskFunction.Type

  init(_ type: any PortableTaskFunction.Type, name: String, version: Int, result: PortableValueType) {
    self.name = name
    self.version = version
    self.result = result
    self.type = type
  }

  /// Reads the arguments, runs the function and fills the empty slot.
  ///
  /// - Throws: `UnreadableArguments`, or what the function throws.
  package func run(
    _ arguments: [UInt8], _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext,
    into slot: UnsafeMutablePointer<Slot>
  ) throws {
    invariantFailure("a function without a body")
  }

  /// Writes the arguments of a call.
  package func write(argumentsOf function: any TaskFunction, to writer: inout ByteWriter) {
    invariantFailure("a function without arguments")
  }
}

/// The bytes of a call are no arguments of its function.
package struct UnreadableArguments: Error {
  package let error: ByteError
}

/// The function `Function`.
final class RegisteredFunctionOf<Function: PortableTaskFunction>: RegisteredFunction, @unchecked Sendable {
  // Sendable: nothing but constants.

  init(result: PortableValueType) {
    super.init(Function.self, name: Function.name, version: Function.version, result: result)
  }

  override func run(
    _ arguments: [UInt8], _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext,
    into slot: UnsafeMutablePointer<Slot>
  ) throws {
    let function: Function
    do throws(ByteError) {
      function = try Function(portableBytes: arguments)
    } catch {
      throw UnreadableArguments(error: error)
    }
    slot.pointee.fill(try function.run(inputs, context))
  }

  override func write(argumentsOf function: any TaskFunction, to writer: inout ByteWriter) {
    guard let function = function as? Function else {
      return writer.fail("a \(Swift.type(of: function)) is no \(Function.self)")
    }
    function.write(to: &writer)
  }
}
