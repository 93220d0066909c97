package import MartletBytes

extension PeerRequest: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .get(let request, let tasks):
      writer.write(byte: 1)
      writer.write(request)
      tasks.write(to: &writer)
    case .put(let request, let values):
      writer.write(byte: 2)
      writer.write(request)
      values.write(to: &writer)
    case .abandon(let request):
      writer.write(byte: 3)
      writer.write(request)
    case .push(let results):
      writer.write(byte: 4)
      results.write(to: &writer)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .get(request: try reader.read(), try [NamedTask](from: &reader))
    case 2: self = .put(request: try reader.read(), try [PutValue](from: &reader))
    case 3: self = .abandon(request: try reader.read())
    case 4: self = .push(try [PushedResult](from: &reader))
    case let tag: throw ByteError(offset: start, "a peer's request of the unknown kind \(tag)")
    }
  }
}

extension PeerReply: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .data(let request, let task, let type, let byteCount):
      writer.write(byte: 1)
      writer.write(request)
      task.write(to: &writer)
      writer.write(type)
      writer.write(byteCount)
    case .missing(let request, let task):
      writer.write(byte: 2)
      writer.write(request)
      task.write(to: &writer)
    case .busy(let request, let retryAfter):
      writer.write(byte: 3)
      writer.write(request)
      writer.write(retryAfter)
    case .done(let request):
      writer.write(byte: 4)
      writer.write(request)
    case .rejected(let request, let reason):
      writer.write(byte: 5)
      writer.write(request)
      writer.write(reason, atMost: WireLimits.longText)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1:
      self = .data(
        request: try reader.read(), task: try TaskHandle(from: &reader), type: try reader.readShortText(),
        byteCount: try reader.readResultSize())
    case 2: self = .missing(request: try reader.read(), task: try TaskHandle(from: &reader))
    case 3: self = .busy(request: try reader.read(), retryAfterNanoseconds: try reader.readAmount())
    case 4: self = .done(request: try reader.read())
    case 5: self = .rejected(request: try reader.read(), reason: try reader.readLongText())
    case let tag: throw ByteError(offset: start, "a peer's reply of the unknown kind \(tag)")
    }
  }
}
