/// A request, checked: its method is GET or HEAD.
package struct HTTPRequest: Equatable, Sendable {
  /// The path without its query, percent signs decoded; begins with a slash.
  package let path: String
  /// The query's fields in their order, decoded.
  package let query: [(name: String, value: String)]
  /// The fields of the header in their order, names in lower case.
  package let fields: [(name: String, value: String)]
  let isHead: Bool
  let keepsAlive: Bool

  /// The value of a header's field.
  package func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  package static func == (left: HTTPRequest, right: HTTPRequest) -> Bool {
    left.path == right.path && left.isHead == right.isHead && left.keepsAlive == right.keepsAlive
      && left.query.elementsEqual(right.query, by: ==) && left.fields.elementsEqual(right.fields, by: ==)
  }
}

/// An answer.
package struct HTTPResponse: Equatable, Sendable {
  package var status: Int
  package var contentType: String
  package var body: [UInt8]
  /// Further fields of the header, such as `Allow`.
  package var fields: [(name: String, value: String)] = []

  package init(status: Int = 200, contentType: String, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// Plain text.
  package static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
  }

  /// JSON.
  package static func json(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", body: Array(text.utf8))
  }

  package static func == (left: HTTPResponse, right: HTTPResponse) -> Bool {
    left.status == right.status && left.contentType == right.contentType && left.body == right.body
      && left.fields.elementsEqual(right.fields, by: ==)
  }

  /// The answer as it is sent; without its body for HEAD.
  func bytes(isHead: Bool, keepsAlive: Bool) -> [UInt8] {
    var head = "HTTP/1.1 \(status) \(HTTPResponse.reason(status))\r\n"
    head += "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
    for field in fields { head += "\(field.name): \(field.value)\r\n" }
    // Nothing here may be kept, and nobody shall guess another type.
    head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    if !keepsAlive { head += "Connection: close\r\n" }
    head += "\r\n"
    return Array(head.utf8) + (isHead ? [] : body)
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Status \(status)"
    }
  }
}
