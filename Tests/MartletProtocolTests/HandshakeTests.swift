import MartletBytes
import TestSupport
import Testing

@testable import MartletProtocol

@Suite struct HandshakeTests {
  private func hello(_ role: Hello.Role, nonce: UInt8, _ change: (inout Hello) -> Void = { _ in }) -> Hello {
    var hello = Hello(
      role: role, capabilities: 0b110, registry: Digest128(low: 1, high: 2),
      nonce: [UInt8](repeating: nonce, count: Handshake.nonceBytes), product: "0.1")
    change(&hello)
    return hello
  }

  /// How a side came out of a handshake.
  private struct Side {
    var handshake: Handshake
    var agreement: Handshake.Agreement?
    var failure: HandshakeError?
    var outgoing: [UInt8]

    init(_ hello: Hello, accepting roles: [Hello.Role], secret: String) {
      handshake = Handshake(own: hello, accepting: roles, secret: Array(secret.utf8))
      outgoing = handshake.start()
    }

    mutating func receive(_ bytes: [UInt8]) {
      guard failure == nil, agreement == nil else { return }
      var unused = 0
      do throws(HandshakeError) {
        if case .agreed(let agreement) = try handshake.receive(bytes, answer: &outgoing, unused: &unused) {
          self.agreement = agreement
          #expect(unused == 0)
        }
      } catch { failure = error }
    }
  }

  /// Lets two sides talk, `piece` bytes at a time.
  private func talk(_ left: inout Side, _ right: inout Side, piece: Int = 1000) {
    while !left.outgoing.isEmpty || !right.outgoing.isEmpty {
      let toRight = Array(left.outgoing.prefix(piece))
      left.outgoing.removeFirst(toRight.count)
      if !toRight.isEmpty { right.receive(toRight) }
      let toLeft = Array(right.outgoing.prefix(piece))
      right.outgoing.removeFirst(toLeft.count)
      if !toLeft.isEmpty { left.receive(toLeft) }
    }
  }

  @Test(arguments: ["", "secret"], [1, 3, 1000])
  func `two sides that fit agree, in whatever pieces the bytes come`(secret: String, piece: Int) {
    var client = Side(hello(.client, nonce: 1) { $0.capabilities = 0b011 }, accepting: [.scheduler], secret: secret)
    var scheduler = Side(hello(.scheduler, nonce: 2), accepting: [.client, .worker], secret: secret)
    talk(&client, &scheduler, piece: piece)
    #expect(client.agreement?.version == ProtocolVersion.newest)
    #expect(client.agreement?.capabilities == 0b010)
    #expect(client.agreement?.peer.role == .scheduler)
    #expect(scheduler.agreement?.peer.role == .client)
    #expect(scheduler.agreement?.peer.nonce == [UInt8](repeating: 1, count: 32))
  }

  @Test func `different secrets are refused on both sides`() {
    var client = Side(hello(.client, nonce: 1), accepting: [.scheduler], secret: "one")
    var scheduler = Side(hello(.scheduler, nonce: 2), accepting: [.client], secret: "two")
    talk(&client, &scheduler)
    #expect(client.failure != nil && scheduler.failure != nil)
    #expect(client.failure?.description.contains("secret") == true)
  }

  @Test func `a secret on one side only is refused, and both are told`() {
    var client = Side(hello(.client, nonce: 1), accepting: [.scheduler], secret: "")
    var scheduler = Side(hello(.scheduler, nonce: 2), accepting: [.client], secret: "two")
    talk(&client, &scheduler)
    #expect(client.failure?.description.contains("the scheduler (Martlet 0.1) has a secret") == true)
    #expect(scheduler.failure?.description.contains("the client (Martlet 0.1) has none") == true)
  }

  @Test func `other versions are refused with both versions named on both sides`() {
    var worker = Side(
      hello(.worker, nonce: 1) {
        $0.oldestVersion = 7
        $0.newestVersion = 9
        $0.product = "3.0"
      }, accepting: [.scheduler], secret: "")
    var scheduler = Side(hello(.scheduler, nonce: 2), accepting: [.worker], secret: "")
    talk(&worker, &scheduler)
    for failure in [worker.failure, scheduler.failure] {
      #expect(failure?.description.contains("protocol 2") == true || failure?.description.contains("speaks 2") == true)
      #expect(failure?.description.contains("7 to 9") == true)
      #expect(failure?.description.contains("Martlet 3.0") == true)
    }
  }

  @Test func `wrong roles, other clusters and reflections are refused`() {
    var client = Side(hello(.client, nonce: 1), accepting: [.scheduler], secret: "")
    var other = Side(hello(.client, nonce: 2), accepting: [.scheduler], secret: "")
    talk(&client, &other)
    #expect(client.failure?.description.contains("does not talk to") == true)

    var here = Side(
      hello(.client, nonce: 1) { $0.cluster = Digest128(low: 1, high: 1) }, accepting: [.scheduler], secret: "")
    var there = Side(
      hello(.scheduler, nonce: 2) { $0.cluster = Digest128(low: 2, high: 2) }, accepting: [.client], secret: "")
    talk(&here, &there)
    #expect(here.failure != nil && there.failure != nil)

    // Somebody who does not know the secret sends back what he gets.
    var victim = Side(hello(.scheduler, nonce: 5), accepting: [.scheduler], secret: "s")
    let mirror = victim.outgoing
    victim.outgoing = []
    victim.receive(mirror)
    #expect(victim.agreement == nil && victim.failure?.description.contains("greeting back") == true)
  }

  @Test func `any other bytes are refused or waited for, and none trap`() {
    for seed in sampled(0..<2000 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed)
      var side = Side(hello(.scheduler, nonce: 2), accepting: [.client], secret: "s")
      var bytes = hello(.client, nonce: 1).portableGreeting()
      for _ in 0..<(1 + random.below(3)) { bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
      side.receive(bytes + (0..<random.below(100)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
      #expect(side.agreement == nil, "seed \(seed)")
    }
  }

  @Test func `a greeting that claims to be long is refused before it is read`() {
    var side = Side(hello(.scheduler, nonce: 2), accepting: [.client], secret: "")
    side.receive([0xff, 0xff])
    #expect(side.failure?.description.contains("greets with 65535 bytes") == true)
  }
}

extension Hello {
  /// The greeting as it is sent.
  fileprivate func portableGreeting() -> [UInt8] {
    var handshake = Handshake(own: self, accepting: [.scheduler], secret: [1])
    return handshake.start()
  }
}
