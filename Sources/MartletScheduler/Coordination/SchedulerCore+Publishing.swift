import MartletBytes
import MartletProtocol

// Names under which results stay after their client has gone, until somebody takes the name back.

extension SchedulerCore {
  mutating func publish(
    _ handles: [TaskHandle], as name: String, overwrites: Bool, _ client: ClientID, _ request: UInt32,
    _ actions: inout [SchedulerAction]
  ) {
    func deny(_ reason: String) { actions.append(.tellClient(client, .denied(request: request, reason: reason))) }
    if let unknown = handles.first(where: { slot(of: $0) == nil }) {
      return deny("the task \(unknown) is not known (any more): publish it before you release it")
    }
    if published[name] != nil, !overwrites { return deny("the name \(name) is published already: unpublish it first") }
    if published[name] == nil, published.count >= settings.publishedLimit {
      return deny("\(published.count) names are published already: unpublish some first")
    }
    for handle in handles { keep(handle) }
    for handle in published[name] ?? [] { letGo(handle) }
    published[name] = handles
    actions.append(.tellClient(client, .answer(request: request, text: "")))
  }

  mutating func unpublish(
    _ name: String, _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    guard let handles = published.removeValue(forKey: name) else {
      return actions.append(.tellClient(client, .denied(request: request, reason: unknownName(name))))
    }
    for handle in handles { letGo(handle) }
    actions.append(.tellClient(client, .answer(request: request, text: "")))
  }

  mutating func subscribe(
    _ name: String, _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    guard let handles = published[name] else {
      return actions.append(.tellClient(client, .denied(request: request, reason: unknownName(name))))
    }
    let named = handles.compactMap { handle in
      slot(of: handle).map { NamedTask(task: handle, digest: tasks[Int($0)].digest) }
    }
    actions.append(.tellClient(client, .named(request: request, tasks: named)))
    for handle in handles { want(handle, for: client) }
  }

  /// The names, a line each, sorted.
  var publishedNames: String { published.keys.sorted().joined(separator: "\n") }

  private func unknownName(_ name: String) -> String { "nothing is published as \(name)" }
}
