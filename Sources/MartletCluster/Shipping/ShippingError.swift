package import MartletGraph

/// A graph cannot be sent to a cluster, because of one of its tasks.
public struct ShippingError: Error, Sendable, CustomStringConvertible {
  /// The kind of mistake.
  public enum Code: Sendable {
    /// The work is a closure.
    case closure
    /// The work is a call of a function whose arguments or result have no bytes.
    case notPortable
    /// The function is not registered in this process.
    case notRegistered
    /// A constant is of a type that nobody has registered.
    case unknownType
    /// A value could not be written.
    case unwritable
    /// Arguments, a constant or the list of inputs are larger than a message may be.
    case tooLarge
    /// Several tasks were made one, or the task is of a layer.
    case fused
  }

  /// The kind of mistake.
  public let code: Code
  /// What the task is called.
  public let label: String
  /// Where the task was written, as `Module/File.swift:12`; nil when that is not known.
  public let location: String?
  /// What is wrong.
  public let message: String
  /// What to do about it.
  public let remedy: String

  /// All of it, in two sentences.
  public var description: String {
    let place = location.map { " (\($0))" } ?? ""
    return "the task \(label)\(place) cannot be sent to a cluster: \(message). \(remedy)."
  }

  package init(_ code: Code, _ task: TaskID, of graph: TaskGraph, _ message: String, _ remedy: String) {
    self.code = code
    label = graph.key(of: task).label
    location = graph.location(of: task)?.description
    self.message = message
    self.remedy = remedy
  }
}

extension ShippingError {
  static func closure(_ task: TaskID, of graph: TaskGraph) -> ShippingError {
    let isAsync = graph.kind(of: task) == .asynchronous
    return ShippingError(
      .closure, task, of: graph, "its work is \(isAsync ? "an async" : "a") closure, which only this process can run",
      "Make it a struct that is a PortableTaskFunction, call that instead, and register it on clients and workers "
        + "with TaskFunctions.register")
  }

  static func notPortable(_ task: TaskID, of graph: TaskGraph, _ function: any TaskFunction) -> ShippingError {
    ShippingError(
      .notPortable, task, of: graph, "the function \(type(of: function).name) cannot become bytes",
      "Let \(type(of: function)) be a PortableTaskFunction, and its result a PortableValue")
  }

  static func notRegistered(_ task: TaskID, of graph: TaskGraph, _ function: any TaskFunction) -> ShippingError {
    let type = type(of: function)
    return ShippingError(
      .notRegistered, task, of: graph, "the function \(type.name) version \(type.version) is not registered",
      "Call TaskFunctions.register(\(type).self) on clients and workers before they start")
  }

  static func unknownType(_ task: TaskID, of graph: TaskGraph, _ type: String) -> ShippingError {
    ShippingError(
      .unknownType, task, of: graph, "its value is of the type \(type), which is not registered",
      "Let \(type) be a PortableValue, and call TaskFunctions.register(value: \(type).self) on clients and workers "
        + "before they start")
  }

  static func tooLarge(_ task: TaskID, of graph: TaskGraph, _ what: String, _ bytes: Int, _ limit: Int) -> ShippingError
  {
    ShippingError(
      .tooLarge, task, of: graph, "\(what) take \(bytes) bytes, a message holds \(limit)",
      what == ShippingError.inputs
        ? "Combine the inputs in a tree of smaller tasks" : "Scatter large data, or let workers read it themselves")
  }

  static let inputs = "the names of its inputs"

  static func fused(_ task: TaskID, of graph: TaskGraph) -> ShippingError {
    ShippingError(
      .fused, task, of: graph, "it stands for several tasks, or for a block of a layer, whose functions have no bytes",
      "Send graphs as they were built, without the pass that fuses tasks")
  }
}
