import Glibc
import TestSupport
import Testing

@testable import MartletNet

@Suite struct HTTPParserTests {
  private func parse(_ text: String, limit: Int = 1000) -> HTTPParser.Found {
    Array(text.utf8).withUnsafeBytes { HTTPParser.next($0, limit: limit) }
  }

  private func status(_ text: String) -> Int {
    switch parse(text) {
    case .nothing: 0
    case .request: 200
    case .refusal(let response): response.status
    }
  }

  @Test func `a request is taken apart`() throws {
    let text = "GET /a%20b/c?x=1&y=%41+b&z HTTP/1.1\r\nHost: h:1\r\nX-Any:  v w \r\n\r\nrest"
    guard case .request(let request, let consumed) = parse(text) else {
      Issue.record("no request")
      return
    }
    #expect(consumed == text.utf8.count - 4)
    #expect(request.path == "/a b/c" && !request.isHead && request.keepsAlive)
    #expect(request.query.map(\.name) == ["x", "y", "z"] && request.query.map(\.value) == ["1", "A b", ""])
    #expect(request.field("x-any") == "v w" && request.field("host") == "h:1")
  }

  @Test func `every beginning of a request waits for the rest`() {
    let text = "HEAD / HTTP/1.0\nA: b\n\n"
    for count in 0..<text.count { #expect(parse(String(text.prefix(count))) == .nothing) }
    #expect(status(text) == 200)
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / FTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200),
    ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n folded: x\r\nHost: a\r\n\r\n", 400), ("GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /\u{1b}[2J HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("\r\n\r\nGET / HTTP/1.0\r\n\r\n", 200),
    ("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 200), ("\u{16}\u{3}\u{1}", 400),
    ("GET /" + String(repeating: "a", count: 2000), 431),
    ("GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 2000) + "\r\n\r\n", 431),
  ])
  func `what is no request is refused with the right status`(text: String, expected: Int) {
    #expect(status(text) == expected)
  }

  @Test(arguments: sampled(0..<2000 as Range<UInt64>))
  func `damaged requests never trap`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var bytes = Array("GET /a%41?b=c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8)
    for _ in 0..<(1 + random.below(5)) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
    if random.chance(30) { bytes.removeLast(random.below(bytes.count)) }
    let found = bytes.withUnsafeBytes { HTTPParser.next($0, limit: 100) }
    if case .request(_, let consumed) = found { #expect(consumed <= bytes.count) }
  }
}

extension NetworkTests {
  @Suite struct HTTPServerTests {
    private func withServer(
      _ adjust: (inout HTTPServer.Settings) -> Void = { _ in }, _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
      var settings = HTTPServer.Settings()
      adjust(&settings)
      let chosen = settings
      try await aside {
        let loop = try EventLoop(name: "http")
        defer { loop.end() }
        let server = try HTTPServer(host: "127.0.0.1", port: 0, on: loop, settings: chosen) { request in
          request.path == "/large"
            ? HTTPResponse(contentType: "x/y", body: [UInt8](repeating: 1, count: 1 << 20)) : .text(request.path)
        }
        try body(server.address.port)
      }
    }

    @Test func `a connection is kept for further requests, and they may come at once`() async throws {
      try await withServer { port in
        let socket = try RawSocket(port: port)
        defer { socket.close() }
        socket.write("GET /one HTTP/1.1\r\nHost: a\r\n\r\nHEAD /two HTTP/1.1\r\nHost: a\r\n\r\n")
        socket.write("GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /four HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = String(decoding: socket.read(), as: UTF8.self)
        #expect(answer.components("HTTP/1.1 200 OK") == 3)
        #expect(answer.contains("Content-Length: 4\r\n") && answer.components("/two") == 0)
        #expect(answer.hasSuffix("\r\n\r\n/three"))
      }
    }

    @Test func `slow, silent and long requests are ended`() async throws {
      try await withServer({ $0.requestLimit = .milliseconds(100) }) { port in
        let silent = try RawSocket(port: port)
        #expect(silent.read().isEmpty)
        silent.close()
        let half = try RawSocket(port: port)
        half.write("GET / HT")
        #expect(half.read().isEmpty)
        half.close()
        let long = try RawSocket(port: port)
        long.write([UInt8](repeating: 65, count: 100_000))
        #expect(String(decoding: long.read(), as: UTF8.self).hasPrefix("HTTP/1.1 431 "))
        long.close()
      }
    }

    @Test func `answers that nobody reads hold back the next requests`() async throws {
      // Through so small a window a busy machine needs seconds.
      try await withServer({ $0.farewellLimit = .seconds(60) }) { port in
        let socket = try RawSocket(port: port, receiveBytes: 4096)
        defer { socket.close() }
        for _ in 0..<100 { socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n") }
        socket.endOutput()
        usleep(100_000)
        #expect(socket.read(8 << 20).count == 8 << 20)
      }
    }

    @Test func `requests are answered behind the end of the input, also where answers leave at once`() async throws {
      try await withServer({ $0.farewellLimit = .seconds(60) }) { port in
        let socket = try RawSocket(port: port)
        defer { socket.close() }
        for _ in 0..<20 { socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n") }
        socket.endOutput()
        let answers = socket.read().count
        #expect(answers > 20 << 20)
      }
    }
  }
}

extension String {
  /// How often a text is in this one.
  fileprivate func components(_ part: String) -> Int { ranges(of: part).count }
}
