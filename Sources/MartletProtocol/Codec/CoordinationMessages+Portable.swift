package import MartletBytes

extension CoordinationRequest: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .put(let queue, let value, let limit, let timeout):
      writer.write(byte: 1)
      writer.write(queue)
      value.write(to: &writer)
      writer.write(limit)
      writer.write(timeout)
    case .take(let queue, let timeout):
      writer.write(byte: 2)
      writer.write(queue)
      writer.write(timeout)
    case .set(let variable, let value):
      writer.write(byte: 3)
      writer.write(variable)
      value.write(to: &writer)
    case .read(let variable, let timeout):
      writer.write(byte: 4)
      writer.write(variable)
      writer.write(timeout)
    case .signal(let event, let isSet):
      writer.write(byte: 5)
      writer.write(event)
      isSet.write(to: &writer)
    case .wait(let event, let timeout):
      writer.write(byte: 6)
      writer.write(event)
      writer.write(timeout)
    case .acquire(let semaphore, let places, let total, let lease, let timeout):
      writer.write(byte: 7)
      writer.write(semaphore)
      writer.write(places)
      writer.write(total)
      writer.write(lease)
      writer.write(timeout)
    case .renew(let semaphore, let lease):
      writer.write(byte: 8)
      writer.write(semaphore)
      writer.write(lease)
    case .giveBack(let semaphore, let lease):
      writer.write(byte: 9)
      writer.write(semaphore)
      writer.write(lease)
    case .publish(let topic, let bytes):
      writer.write(byte: 10)
      writer.write(topic)
      writer.write(bytes: bytes)
    case .listen(let topic, let isListening):
      writer.write(byte: 11)
      writer.write(topic)
      isListening.write(to: &writer)
    case .unset(let variable):
      writer.write(byte: 12)
      writer.write(variable)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1:
      self = .put(
        queue: try reader.readShortText(), value: try SharedValue(from: &reader), limit: try reader.read(),
        timeoutNanoseconds: try reader.readAmount())
    case 2: self = .take(queue: try reader.readShortText(), timeoutNanoseconds: try reader.readAmount())
    case 3: self = .set(variable: try reader.readShortText(), value: try SharedValue(from: &reader))
    case 4: self = .read(variable: try reader.readShortText(), timeoutNanoseconds: try reader.readAmount())
    case 5: self = .signal(event: try reader.readShortText(), isSet: try Bool(from: &reader))
    case 6: self = .wait(event: try reader.readShortText(), timeoutNanoseconds: try reader.readAmount())
    case 7:
      self = .acquire(
        semaphore: try reader.readShortText(), places: try reader.read(), of: try reader.read(),
        leaseNanoseconds: try reader.readAmount(), timeoutNanoseconds: try reader.readAmount())
    case 8: self = .renew(semaphore: try reader.readShortText(), lease: try reader.read())
    case 9: self = .giveBack(semaphore: try reader.readShortText(), lease: try reader.read())
    case 10: self = .publish(topic: try reader.readShortText(), bytes: try reader.readBytes())
    case 11: self = .listen(topic: try reader.readShortText(), isListening: try Bool(from: &reader))
    case 12: self = .unset(variable: try reader.readShortText())
    case let tag: throw ByteError(offset: start, "an operation of the unknown kind \(tag)")
    }
  }
}

extension CoordinationReply: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .done: writer.write(byte: 1)
    case .value(let value):
      writer.write(byte: 2)
      value.write(to: &writer)
    case .lease(let lease, let fence):
      writer.write(byte: 3)
      writer.write(lease)
      writer.write(fence)
    case .message(let topic, let bytes):
      writer.write(byte: 4)
      writer.write(topic)
      writer.write(bytes: bytes)
    case .timedOut: writer.write(byte: 5)
    case .denied(let reason):
      writer.write(byte: 6)
      writer.write(reason, atMost: WireLimits.longText)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .done
    case 2: self = .value(try SharedValue(from: &reader))
    case 3: self = .lease(try reader.read(), fence: try reader.read())
    case 4: self = .message(topic: try reader.readShortText(), bytes: try reader.readBytes())
    case 5: self = .timedOut
    case 6: self = .denied(reason: try reader.readLongText())
    case let tag: throw ByteError(offset: start, "a reply of the unknown kind \(tag)")
    }
  }
}
