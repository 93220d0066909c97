package import MartletBytes
package import MartletGraph
package import MartletProtocol

/// What a worker was told to do, ready to run.
package struct WorkBody: Sendable {
  private enum Kind: Sendable {
    case call(RegisteredFunction, [UInt8])
    case literal(PortableValueType, [UInt8])
    case gather(PortableValueType)
    case alias
    case signal
  }

  private let kind: Kind

  /// The function that a thread ran last: mostly it is the next one, too, and comparing a name is cheaper than looking it up.
  struct LastFunction {
    fileprivate var found: (name: FunctionName, function: RegisteredFunction)?
  }

  /// - Parameter last: Of the calling thread.
  /// - Throws: `WorkFailure.cannotRun` when this process does not know the function or the type.
  init(
    _ work: AssignedWork, _ registry: borrowing TaskFunctionRegistry, last: inout LastFunction
  ) throws(WorkFailure) {
    guard case .call(let name, let arguments) = work else {
      self = try WorkBody(work, registry)
      return
    }
    if let found = last.found, found.name == name {
      kind = .call(found.function, arguments)
      return
    }
    self = try WorkBody(work, registry)
    if case .call(let function, _) = kind { last.found = (name, function) }
  }

  /// - Throws: `WorkFailure.cannotRun` when this process does not know the function or the type.
  package init(_ work: AssignedWork, _ registry: borrowing TaskFunctionRegistry) throws(WorkFailure) {
    switch work {
    case .call(let name, let arguments):
      guard let function = registry.function(named: name.name, version: name.version) else {
        throw .cannotRun("the function \(name.name) version \(name.version) is not registered on this worker")
      }
      kind = .call(function, arguments)
    case .literal(let name, let bytes):
      guard let type = registry.valueType(named: name) else { throw WorkBody.unknown(name) }
      kind = .literal(type, bytes)
    case .gather(let name):
      guard let type = registry.valueType(named: name), type.array != nil else { throw WorkBody.unknown(name) }
      kind = .gather(type)
    case .alias: kind = .alias
    case .signal: kind = .signal
    }
  }

  private static func unknown(_ type: String) -> WorkFailure {
    .cannotRun("the type \(type) is not registered on this worker")
  }

  /// The type of the result, given that of the first input.
  package func resultType(first: PortableValueType?, _ registry: TaskFunctionRegistry) -> PortableValueType? {
    switch kind {
    case .call(let function, _): function.result
    case .literal(let type, _): type
    case .gather(let element): element.array
    case .alias: first
    case .signal: registry.valueType(named: "Void")
    }
  }

  /// Does the work and fills the empty slot, which the caller clears. Where it throws, the slot stays empty.
  ///
  /// - Throws: `WorkFailure`: `.undecodable` when the bytes or the inputs are not what the function expects, `.threw` with
  ///   what the function threw.
  package func run(
    _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext, into slot: UnsafeMutablePointer<Slot>
  ) throws(WorkFailure) {
    do {
      switch kind {
      case .call(let function, let arguments): try function.run(arguments, inputs, context, into: slot)
      case .literal(let type, let bytes): slot.pointee = try type.slot(of: bytes)
      case .gather(let element): try element.gather(inputs, into: slot)
      case .alias: try inputs.share(0, into: slot)
      case .signal: slot.pointee.fill(())
      }
    } catch let error as UnreadableArguments {
      throw .undecodable("its arguments cannot be read: \(error.error)")
    } catch let error as ByteError {
      if case .literal = kind { throw .undecodable("its value cannot be read: \(error)") }
      throw .threw(error)
    } catch let error as TaskInputError {
      throw .undecodable("\(error)")
    } catch {
      throw .threw(error)
    }
  }

  /// The same on inputs that stand side by side. The slots stay their owner's: nothing is taken out of them.
  package func run(
    _ inputs: UnsafeMutablePointer<Slot>, count: Int, _ context: borrowing TaskContext,
    into slot: UnsafeMutablePointer<Slot>
  ) throws(WorkFailure) {
    if count <= SlotNumbers.count {
      return try run(
        TaskInputs(slots: inputs, ids: SlotNumbers.shared.numbers, count: count, uses: nil), context, into: slot)
    }
    let numbers = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    defer { numbers.deallocate() }
    for number in 0..<count { numbers[number] = UInt32(number) }
    try run(TaskInputs(slots: inputs, ids: numbers, count: count, uses: nil), context, into: slot)
  }
}

/// The numbers from 0, for tasks whose inputs stand side by side.
private final class SlotNumbers: @unchecked Sendable {
  // Sendable: written in `init`, then constant; lives as long as the process.
  static let count = 1024
  static let shared = SlotNumbers()
  let numbers: UnsafePointer<UInt32>

  private init() {
    let numbers = UnsafeMutablePointer<UInt32>.allocate(capacity: SlotNumbers.count)
    for number in 0..<SlotNumbers.count { (numbers + number).initialize(to: UInt32(number)) }
    self.numbers = UnsafePointer(numbers)
  }
}

/// Why a worker has no result for a task.
package enum WorkFailure: Error, CustomStringConvertible {
  /// This process does not know the function or a type.
  case cannotRun(String)
  /// The arguments or inputs are not what the function expects.
  case undecodable(String)
  /// What the function threw.
  case threw(any Error)

  /// For people.
  package var description: String {
    switch self {
    case .cannotRun(let message), .undecodable(let message): message
    case .threw(let error): "\(error)"
    }
  }

  /// As the scheduler and the client are told.
  package func record(key: Digest128, label: String, attempts: UInt32 = 1) -> FailureRecord {
    let kind: FailureRecord.Kind =
      switch self {
      case .cannotRun: .cannotRun
      case .undecodable: .undecodable
      case .threw(let error): error is CancellationError ? .cancelled : .threw
      }
    return FailureRecord(kind, key: key, label: label, message: description, attempts: attempts)
  }
}
