import Glibc
import MartletBytes
import MartletCluster
package import MartletGraph

/// Waits for its own result, in one of several ways.
package struct AskItself: PortableTaskFunction, Codable {
  package static let name = "cluster-test.ask-itself"
  package static let version = 1
  package var way: String
  package init(_ way: String) { self.way = way }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    let client = try Client.current
    let own = try client.submit(self)
    switch way {
    case "result": return try own.result()
    case "gather": return try client.gather([own]).count
    default: return try client.submit(Plus(constant: 1), own).result()
    }
  }
}

/// The same without holding threads.
package struct AsyncAskItself: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.async-ask-itself"
  package static let version = 1
  package var way: String
  package init(_ way: String) { self.way = way }
  package func run(_ inputs: TaskValues) async throws -> Int {
    let client = try Client.current
    let own = try client.submit(self)
    switch way {
    case "result": return try await own.value
    case "gather": return try await client.gather([own]).count
    default: return try await client.submit(Plus(constant: 1), own).value
    }
  }
}

/// A sum of whole numbers, cut in halves by tasks that wait for each other on their threads.
package struct HalvedSum: PortableTaskFunction, Codable {
  package static let name = "cluster-test.halved-sum"
  package static let version = 1
  package var from: Int
  package var to: Int
  package var milliseconds: UInt32
  package init(from: Int, to: Int, milliseconds: UInt32 = 0) {
    self.from = from
    self.to = to
    self.milliseconds = milliseconds
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    if milliseconds > 0 { usleep(milliseconds * 1000) }
    if to - from <= 1 { return from }
    let middle = (from + to) / 2
    let client = try Client.current
    let left = try client.submit(HalvedSum(from: from, to: middle, milliseconds: milliseconds))
    let right = try client.submit(HalvedSum(from: middle, to: to, milliseconds: milliseconds))
    return try left.result() + right.result()
  }
}

/// The same without holding threads.
package struct AsyncHalvedSum: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.async-halved-sum"
  package static let version = 1
  package var from: Int
  package var to: Int
  package init(from: Int, to: Int) {
    self.from = from
    self.to = to
  }
  package func run(_ inputs: TaskValues) async throws -> Int {
    if to - from <= 1 { return from }
    let middle = (from + to) / 2
    let client = try Client.current
    let halves = try client.map([AsyncHalvedSum(from: from, to: middle), AsyncHalvedSum(from: middle, to: to)])
    return try await client.gather(halves).reduce(0, +)
  }
}

/// Fibonacci numbers, each asked of the two before it: equal ones are one task.
package struct Fibonacci: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.fibonacci"
  package static let version = 1
  package var number: Int
  package init(_ number: Int) { self.number = number }
  package func run(_ inputs: TaskValues) async throws -> Int {
    if number < 2 { return number }
    let client = try Client.current
    async let left = client.submit(Fibonacci(number - 1)).value
    async let right = client.submit(Fibonacci(number - 2)).value
    return try await left + right
  }
}

/// Waits for an event, on its thread or without one, and gives its number and the sum of its inputs.
package struct WaitForEvent: PortableTaskFunction, Codable {
  package static let name = "cluster-test.wait-for-event"
  package static let version = 1
  package var event: String
  package var number: Int
  package init(_ event: String, number: Int) {
    self.event = event
    self.number = number
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try Client.current.event(event).wait()
    return try inputs.values(as: Int.self).reduce(number, +)
  }
}

/// The same without holding a thread.
package struct AsyncWaitForEvent: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.async-wait-for-event"
  package static let version = 1
  package var event: String
  package var number: Int
  package init(_ event: String, number: Int) {
    self.event = event
    self.number = number
  }
  package func run(_ inputs: TaskValues) async throws -> Int {
    try await Client.current.event(event).wait()
    return try inputs.values(as: Int.self).reduce(number, +)
  }
}

/// Answers as many questions as it is told to: twice the number.
package struct Answer: PortableTaskFunction, Codable {
  package static let name = "cluster-test.answer"
  package static let version = 1
  package var channel: String
  package var count: Int
  package init(_ channel: String, count: Int) {
    self.channel = channel
    self.count = count
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    let client = try Client.current
    for _ in 0..<count {
      guard let question = try client.queue("\(channel) questions", of: Int.self).take() else { return -1 }
      try client.queue("\(channel) answers", of: Int.self).put(2 * question)
    }
    return count
  }
}

/// Asks questions, and gives the sum of the answers.
package struct Ask: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.ask"
  package static let version = 1
  package var channel: String
  package var questions: [Int]
  package init(_ channel: String, _ questions: [Int]) {
    self.channel = channel
    self.questions = questions
  }
  package func run(_ inputs: TaskValues) async throws -> Int {
    let client = try Client.current
    var sum = 0
    for question in questions {
      try await client.queue("\(channel) questions", of: Int.self).put(question)
      sum += try await client.queue("\(channel) answers", of: Int.self).take() ?? -1000
    }
    return sum
  }
}

/// Is inside of a semaphore for a while, and gives whether there were never more than may be: each that is inside holds one
/// of so many files, which the system frees when its process ends.
package struct BeInside: PortableTaskFunction, Codable {
  package static let name = "cluster-test.be-inside"
  package static let version = 1
  package var semaphore: String
  package var places: Int
  package var path: String
  package var milliseconds: UInt32
  package var number: Int
  package init(_ semaphore: String, places: Int, path: String, milliseconds: UInt32, number: Int) {
    self.semaphore = semaphore
    self.places = places
    self.path = path
    self.milliseconds = milliseconds
    self.number = number
  }
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try Client.current.semaphore(semaphore, places: places).withLease { _ in
      for place in 0..<places {
        let file = open("\(path)-\(place)", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        defer { close(file) }
        if flock(file, LOCK_EX | LOCK_NB) == 0 {
          usleep(milliseconds * 1000)
          return 1
        }
      }
      return 0
    }
  }
}

/// Sleeps without holding a thread.
package struct Nap: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.nap"
  package static let version = 1
  package var milliseconds: Int
  package var number: Int
  package init(milliseconds: Int, number: Int) {
    self.milliseconds = milliseconds
    self.number = number
  }
  package func run(_ inputs: TaskValues) async throws -> Int {
    try await Task.sleep(for: .milliseconds(milliseconds))
    return number
  }
}

/// Asks for a task that fails, and gives what it failed of.
package struct AskInVain: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.ask-in-vain"
  package static let version = 1
  package var catches: Bool
  package init(catches: Bool) { self.catches = catches }
  package func run(_ inputs: TaskValues) async throws -> String {
    let client = try Client.current
    client.close()
    do {
      return "\(try await client.submit(Refuse()).value)"
    } catch  where catches {
      return "\(error)".contains("it refuses") ? "it refuses" : "\(error)"
    }
  }
}

/// Waits for a task that waits for ever.
package struct AskForNever: PortableTaskFunction, Codable {
  package static let name = "cluster-test.ask-for-never"
  package static let version = 1
  package init() {}
  package func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    try Client.current.submit(AsyncWaitForEvent("never", number: 3)).result()
  }
}

/// Fails.
package struct Refuse: PortableTaskFunction, AsyncTaskFunction, Codable {
  package static let name = "cluster-test.refuse"
  package static let version = 1
  package struct Refusal: Error, CustomStringConvertible {
    package var description: String { "it refuses" }
  }
  package init() {}
  package func run(_ inputs: TaskValues) async throws -> Int {
    await Task.yield()
    throw Refusal()
  }
}

extension ClusterFunctions {
  /// Those that use the cluster that they run on.
  package static func registerInside(in registry: inout TaskFunctionRegistry) throws {
    try registry.register(HalvedSum.self)
    try registry.register(AsyncHalvedSum.self)
    try registry.register(Fibonacci.self)
    try registry.register(WaitForEvent.self)
    try registry.register(AsyncWaitForEvent.self)
    try registry.register(Answer.self)
    try registry.register(Ask.self)
    try registry.register(BeInside.self)
    try registry.register(Nap.self)
    try registry.register(AskInVain.self)
    try registry.register(Refuse.self)
    try registry.register(AskForNever.self)
    try registry.register(AskItself.self)
    try registry.register(AsyncAskItself.self)
  }
}
