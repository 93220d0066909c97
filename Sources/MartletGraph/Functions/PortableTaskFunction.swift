public import MartletBytes

/// A task function that can be sent to another process, and whose result can come back.
///
/// ```swift
/// struct Scale: PortableTaskFunction, Codable {
///   static let name = "prices.scale"
///   static let version = 1
///   var factor: Double
///   func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [Double] {
///     try inputs.value(0, as: [Double].self).map { $0 * factor }
///   }
/// }
/// try TaskFunctions.register(Scale.self)
/// ```
public protocol PortableTaskFunction: TaskFunction, PortableValue where Result: PortableValue {}

extension PortableTaskFunction {
  /// Combines the bytes of the arguments.
  public func hash(into hasher: inout StableHasher) { withPortableBytes { hasher.combine(bytes: $0) } }
}
