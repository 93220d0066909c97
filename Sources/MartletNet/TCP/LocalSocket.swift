import Glibc
import MartletSystem

/// Connections that stay on this machine need no network: a listener that can be reached over loopback also listens on a socket of
/// the machine (AF_UNIX) whose name, in the abstract namespace, is made of the address, and who connects to a loopback address
/// tries that first. The same bytes take some half of the time, for what TCP does for them is left out.
///
/// The name belongs to the network namespace, as loopback does, so it never leads to another machine. Anybody on this machine
/// may take any name, so both sides look who the other one is: only a process of the same user is talked to. Whatever does not fit
/// leads to TCP.
enum LocalSocket {
  /// The bytes that the kernel holds for one direction. The kernel takes less where its limit is lower.
  static let kernelBytes = 1 << 20

  /// The names that belong to where a listener listens; none where loopback does not reach it.
  static func addresses(ofListener address: SocketAddress) -> [SocketAddress] {
    switch address.host {
    case "127.0.0.1", "::1": [make(address.host, address.port)]
    case "0.0.0.0": [make("127.0.0.1", address.port)]
    case "::": [make("127.0.0.1", address.port), make("::1", address.port)]
    default: []
    }
  }

  /// The name that belongs to where somebody connects to; nil where that is no loopback address.
  static func address(for address: SocketAddress) -> SocketAddress? {
    // The port in front, so that other addresses cost nothing.
    guard address.port > 0, address.isLoopback else { return nil }
    return make(address.host, address.port)
  }

  private static func make(_ host: String, _ port: Int) -> SocketAddress {
    // A zero in front: not a file.
    let name: [UInt8] = [0] + Array("martlet/\(SocketAddress.text(host, port))".utf8)
    var address = SocketAddress()
    withUnsafeMutableBytes(of: &address.storage) { bytes in
      bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
      let path = MemoryLayout<sa_family_t>.size
      UnsafeMutableRawBufferPointer(rebasing: bytes[path...]).copyBytes(from: name)
      address.length = socklen_t(path + name.count)
    }
    return address
  }

  /// Connects; nil when nobody of this user listens there.
  static func connect(to address: SocketAddress) -> Int32? {
    let socket = martlet_stream_socket(AF_UNIX)
    if socket < 0 { return nil }
    _ = martlet_set_buffer_bytes(socket, Int32(kernelBytes), Int32(kernelBytes))
    var storage = address.storage
    if martlet_connect(socket, &storage, address.length) == 0, isOfThisUser(socket) { return socket }
    close(socket)
    return nil
  }

  /// Listens; nil when that is not possible, for instance because somebody else has taken the name.
  static func listen(on address: SocketAddress, backlog: Int) -> Int32? {
    let socket = martlet_stream_socket(AF_UNIX)
    if socket < 0 { return nil }
    var storage = address.storage
    if martlet_bind(socket, &storage, address.length) == 0, Glibc.listen(socket, Int32(clamping: backlog)) == 0 {
      return socket
    }
    close(socket)
    return nil
  }

  /// Whether the other end is a process of the user of this one.
  static func isOfThisUser(_ socket: Int32) -> Bool { martlet_peer_user(socket) == Int64(geteuid()) }

  /// The process at the other end: the one that connected or began to listen. 0 where it has no number here, as that of another
  /// container has none.
  static func peerProcess(_ socket: Int32) -> Int { max(0, Int(martlet_peer_process(socket))) }
}

extension SocketAddress {
  /// Whether it is the address of this machine for itself.
  var isLoopback: Bool {
    switch family {
    case AF_INET:
      withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self).sin_addr.s_addr.bigEndian == 0x7f00_0001 }
    case AF_INET6: host == "::1"
    default: false
    }
  }
}
